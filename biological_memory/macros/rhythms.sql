{# Two rows per local timestamp: its weekday and its hour. #}
{% macro rhythm_slots(local_at) -%}
    unnest([
        {'rhythm': 'weekday', 'slot': dayname({{ local_at }})},
        {'rhythm': 'hour', 'slot': lpad(cast(hour({{ local_at }}) as varchar), 2, '0')}
    ], recursive := true)
{%- endmacro %}

{# In how many weeks a concept comes up before it is tried, and in how many it comes up in the slot of a habit. #}
{% macro fewest_weeks() -%} 5 {%- endmacro %}
