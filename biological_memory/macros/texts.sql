{# A list of texts as SQL. #}
{% macro texts(values) -%}
    cast([{% for value in values %}'{{ value | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor %}] as varchar[])
{%- endmacro %}

{# The texts of those entities e of a list that fulfil a condition. #}
{% macro entity_texts(entities, condition) -%}
    list_transform(list_filter({{ entities }}, lambda e: {{ condition }}), lambda e: lower(e.text))
{%- endmacro %}

{# Whose a memory with this metadata is: the rule of dreams.agent_of. #}
{% macro agent_of(metadata) -%}
    coalesce(nullif({{ metadata }} ->> 'agent', ''), 'default')
{%- endmacro %}
