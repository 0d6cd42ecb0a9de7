{# Rows share no combination of these columns, and none of the columns is NULL. #}
{% test unique_combination(model, columns) %}
    select {{ columns | join(", ") }}, count(*) as row_count
    from {{ model }}
    group by all
    having count(*) > 1 or {{ columns | join(" is null or ") }} is null
{% endtest %}
