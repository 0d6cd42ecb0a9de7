{# A relation by its bare name, so that a view also works in a copy of the file, whose name differs. #}
{% macro by_name(relation) -%}
    {{ relation.include(database=false, schema=false) }}
{%- endmacro %}
