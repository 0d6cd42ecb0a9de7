{#
    Replaces a table or view in one transaction: readers see the old one or the new one, and a model that fails leaves
    the old one. These override dbt-duckdb's materializations, which build a second relation and rename both; with their
    queries for indexes, keys and grants, which no model here has, that took a third of the models' time in a small
    cycle (docs/decisions/0013-tables-in-place.md).
#}
{% macro drop_former() -%}
    {%- set former = load_cached_relation(this) -%}
    {% if former is not none %}
        {% call statement('drop_former', auto_begin=True) -%}
            drop {{ former.type }} {{ former }}
        {%- endcall %}
    {% endif %}
{%- endmacro %}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language, table = model['language'], this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {{ drop_former() }}
    {% call statement('main', language=language) -%}
        {{ create_table_as(False, table, compiled_code, language) }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set view = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {{ drop_former() }}
    {% call statement('main') -%}
        {{ create_view_as(view, compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}
