{# Every element of a list exists in a field of another relation. No list is empty, unless `may_be_empty`. #}
{% test cites(model, column_name, to, field, may_be_empty=false) %}
    with cited as (
        select {{ column_name }} as list, unnest({{ column_name }}) as element from {{ model }}
    )

    select list from cited
    where element is null or element not in (select {{ field }} from {{ to }})
    {% if not may_be_empty %}
    union all
    select {{ column_name }} from {{ model }}
    where coalesce(len({{ column_name }}), 0) = 0
    {% endif %}
{% endtest %}
