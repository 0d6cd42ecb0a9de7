{#
    A sum that does not depend on the order of its terms: that of doubles does, in the last digits, and threads vary it.
    Terms become doubles first, for DuckDB scales a float to a decimal with the seven digits that a float has.
#}
{% macro exact_sum(terms) -%}
    cast(sum({{ exact(terms) }}) as double)
{%- endmacro %}

{# A term of such a sum. #}
{% macro exact(term) -%}
    cast(cast({{ term }} as double) as decimal(38, 15))
{%- endmacro %}
