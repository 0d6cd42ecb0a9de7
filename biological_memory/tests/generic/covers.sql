{# Every value of a field in another relation occurs in this column. #}
{% test covers(model, column_name, to, field) %}
    select {{ field }} from {{ to }}
    where {{ field }} not in (select {{ column_name }} from {{ model }} where {{ column_name }} is not null)
{% endtest %}
