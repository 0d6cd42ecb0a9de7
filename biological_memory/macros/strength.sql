{#
    The strength of a memory, 0 to 1: retrievability times the noisy or of encoding, association with others, and
    stability. It decides a memory's fate; schema dreams has the same function.
#}
{% macro strength(retrievability, encoding, association_sum, stability_days) -%}
    {{ retrievability }} * (
        1 - (1 - {{ encoding }})
        * (1 - {{ association_sum }} / (1 + {{ association_sum }}))
        * (1 - {{ stability_days }} / ({{ stability_days }} + {{ var("stability_half_days") }}))
    )
{%- endmacro %}
