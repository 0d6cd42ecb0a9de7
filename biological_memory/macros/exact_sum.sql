{#
    A sum that does not depend on the order of its terms. A sum of doubles does, in the last digits, and threads vary
    the order. Terms become doubles first, because DuckDB casts a float to a decimal with only seven digits.
#}
{% macro exact_sum(terms) -%}
    cast(sum({{ exact(terms) }}) as double)
{%- endmacro %}

{# A term of an exact_sum, as a decimal. #}
{% macro exact(term) -%}
    cast(cast({{ term }} as double) as decimal(38, 15))
{%- endmacro %}
