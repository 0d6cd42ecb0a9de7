{# The smaller id of a pair comes first, and nothing is paired with itself. #}
{% test canonical_pair(model) %}
    select memory_a, memory_b from {{ model }}
    where memory_a >= memory_b
{% endtest %}
