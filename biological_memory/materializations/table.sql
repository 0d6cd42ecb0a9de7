{#
    A table is made anew in one transaction, in the place of the one before: whoever reads sees the old one or the new one,
    and a model that fails leaves the old one. dbt-duckdb's own materialization, which this stands in for, makes a table
    beside the old one and renames both; with the questions it asks for indexes, keys and grants, which no model here has,
    that took a third of the models' time in a small cycle (docs/decisions/0013-tables-in-place.md).
#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language = model['language'] -%}
    {%- set former = load_cached_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% if former is not none %}
        {% call statement('drop_former', auto_begin=True) -%}
            drop {{ former.type }} {{ former }}
        {%- endcall %}
    {% endif %}
    {% call statement('main', language=language) -%}
        {{ create_table_as(False, table, compiled_code, language) }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}
