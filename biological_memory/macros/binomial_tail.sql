{# The chance of so many successes or more, among independent trials of one chance below 1 (exact binomial test). #}
{% macro binomial_tail(successes, trials, chance) -%}
    list_sum(list_transform(
        range({{ successes }}, {{ trials }} + 1),
        lambda number: exp(
            lgamma({{ trials }} + 1) - lgamma(number + 1) - lgamma({{ trials }} - number + 1)
            + number * ln({{ chance }}) + ({{ trials }} - number) * ln(1 - {{ chance }})
        )
    ))
{%- endmacro %}
