{# Vectors have length 1: cosine similarity is then their inner product, as the models compute it. #}
{% test unit_length(model, column_name) %}
    select {{ column_name }} from {{ model }}
    where abs(list_inner_product({{ column_name }}, {{ column_name }}) - 1) > 1e-3
{% endtest %}
