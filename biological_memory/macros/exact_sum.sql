{# A sum that does not depend on the order of its terms: that of doubles does, in the last digits, and threads vary it. #}
{% macro exact_sum(terms) -%}
    cast(sum(cast({{ terms }} as decimal(38, 15))) as double)
{%- endmacro %}
