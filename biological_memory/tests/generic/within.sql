{# Values lie between two bounds, both included, where they are not NULL; either bound may be left out. #}
{% test within(model, column_name, min=none, max=none) %}
    select {{ column_name }} from {{ model }}
    where
        {{ column_name }} < {{ column_name if min is none else min }}
        or {{ column_name }} > {{ column_name if max is none else max }}
{% endtest %}
