{# Vectors have length 1: cosine similarity is then their inner product, as the models compute it. #}
{% test unit_length(model, column_name) %}
    {%- set vector = "cast(" ~ column_name ~ " as float[])" %}
    select {{ column_name }} from {{ model }}
    where abs(list_inner_product({{ vector }}, {{ vector }}) - 1) > 1e-3
{% endtest %}
