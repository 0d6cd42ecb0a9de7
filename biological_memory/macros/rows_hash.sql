{#
    A fingerprint of rows in no order. DuckDB's hash of several values is that of the first ones, xor that of the last: where
    the last changes alike in two rows, the changes would cancel each other out. So each row's hash is hashed once more.
#}
{% macro rows_hash(columns) -%}
    bit_xor(hash(hash({{ columns }})))
{%- endmacro %}
