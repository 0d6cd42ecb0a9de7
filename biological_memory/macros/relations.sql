{# A relation by its name alone: so a view can be read in a copy of the file, too, which bears another name. #}
{% macro by_name(relation) -%}
    {{ relation.include(database=false, schema=false) }}
{%- endmacro %}
