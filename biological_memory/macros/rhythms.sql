{# The slots of the week and of the day that an instant, on the clock it is given in, stands in: a row each. #}
{% macro rhythm_slots(local_at) -%}
    unnest([
        {'rhythm': 'weekday', 'slot': dayname({{ local_at }})},
        {'rhythm': 'hour', 'slot': lpad(cast(hour({{ local_at }}) as varchar), 2, '0')}
    ], recursive := true)
{%- endmacro %}
