{# Two rows per local timestamp: its weekday and its hour. #}
{% macro rhythm_slots(local_at) -%}
    unnest([
        {'rhythm': 'weekday', 'slot': dayname({{ local_at }})},
        {'rhythm': 'hour', 'slot': lpad(cast(hour({{ local_at }}) as varchar), 2, '0')}
    ], recursive := true)
{%- endmacro %}
