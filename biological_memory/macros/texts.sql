{# A list of texts as SQL. #}
{% macro texts(values) -%}
    cast([{% for value in values %}'{{ value | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor %}] as varchar[])
{%- endmacro %}
