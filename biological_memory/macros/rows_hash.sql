{#
    An order-independent fingerprint of rows. DuckDB's hash of several values is the hash of the first ones xor that of
    the last: equal changes of the last value in two rows would cancel out. So each row's hash is hashed once more.
#}
{% macro rows_hash(columns) -%}
    bit_xor(hash(hash({{ columns }})))
{%- endmacro %}
