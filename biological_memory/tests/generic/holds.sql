{# An expression is true of every row; NULL counts as false. #}
{% test holds(model, expression, column_name=none) %}
    select * from {{ model }}
    where not coalesce({{ expression }}, false)
{% endtest %}
