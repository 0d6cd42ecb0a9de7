{# The slots of the week and of the day that an instant stands in, on the clock it is given in: a row and two columns each. #}
{% macro rhythm_slots(local_at) -%}
    unnest([
        {'rhythm': 'weekday', 'slot': dayname({{ local_at }})},
        {'rhythm': 'hour', 'slot': lpad(cast(hour({{ local_at }}) as varchar), 2, '0')}
    ], recursive := true)
{%- endmacro %}
