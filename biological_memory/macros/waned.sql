{#
    A weight after down-scaling by 1 - forgetting_rate in each of a number of nights; 0 once below least_weight. Schema
    dreams has the same function, for current weights.
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
