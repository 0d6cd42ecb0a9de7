{#
    What so many nights leave of a weight, each scaling it by 1 - forgetting_rate: nothing once it falls below least_weight.
    Schema dreams has the same function, for weights as they stand now.
#}
{% macro waned(weight, nights) -%}
    {%- set kept = "(1 - " ~ var("forgetting_rate") ~ ")" -%}
    {%- set least = "cast(" ~ var("least_weight") ~ " as double)" -%}
    case
        when {{ nights }} * ln(greatest({{ kept }}, {{ least }})) < ln({{ least }} / greatest({{ weight }}, {{ least }}))
            then cast(0 as double)
        else {{ weight }} * power({{ kept }}, {{ nights }})
    end
{%- endmacro %}
