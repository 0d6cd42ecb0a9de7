{#
    Aggregates terms into a list ordered by keys. `list(... order by ...)` gives the same, but sorts each group
    separately, which takes ten times as long and far more memory. Keys must not be null, and together must be unique.
#}
{% macro ordered_list(term, keys, where="true") -%}
    {%- set fields = [] -%}
    {%- for key in keys -%}
        {%- do fields.append("'key_" ~ loop.index ~ "': " ~ key) -%}
    {%- endfor -%}
    list_transform(
        list_sort(list({ {{ fields | join(", ") }}, 'term': {{ term }} }) filter (where {{ where }})),
        lambda one: one.term
    )
{%- endmacro %}
