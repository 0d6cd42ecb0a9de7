{#
    The strength of a memory, 0 to 1: of the evidence for it (encoding, association with others, stability; joined by a
    noisy or), what can be recalled at the time. Fates are read off it; schema dreams has the same function.
#}
{% macro strength(retrievability, encoding, association_sum, stability_days) -%}
    {{ retrievability }} * (
        1 - (1 - {{ encoding }})
        * (1 - {{ association_sum }} / (1 + {{ association_sum }}))
        * (1 - {{ stability_days }} / ({{ stability_days }} + {{ var("stability_half_days") }}))
    )
{%- endmacro %}
