{# Everything in another relation has its row here. #}
{% test covers(model, column_name, to, field) %}
    select {{ field }} from {{ to }}
    where {{ field }} not in (select {{ column_name }} from {{ model }} where {{ column_name }} is not null)
{% endtest %}
