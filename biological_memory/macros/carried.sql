{#
    An expensive model keeps the rows whose inputs have not changed and computes the others: each row holds the key of what
    it was computed from and a fingerprint of that input and of the parameters. A run without --full-refresh first drops
    the rows whose input is gone or different (pre-hook), then computes the keys that are missing, and so equals a full
    rebuild by construction.
#}
{% macro drop_stale(inputs, key) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where ({{ key }}, fingerprint) not in (select ({{ key }}, fingerprint) from {{ inputs }})
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{% macro where_missing(key) -%}
    {%- if is_incremental() -%}
        where {{ key }} not in (select {{ key }} from {{ this }})
    {%- endif -%}
{%- endmacro %}

{# Of the inputs that an incremental run has to compute, a column; none where these are too many, or all. #}
{% macro few_missing(inputs, key, most, asked=none) -%}
    {%- if execute and is_incremental() -%}
        {%- set missing = run_query(
            "select " ~ (asked or key) ~ " from " ~ inputs
            ~ " where (" ~ key ~ ", fingerprint) not in (select (" ~ key ~ ", fingerprint) from " ~ this ~ ")"
            ~ " limit " ~ (most + 1)
        ).columns[0].values() -%}
        {%- if missing | length <= most -%}
            {{ return(missing) }}
        {%- endif -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# Where many rows rest on one input, their fingerprint alone says of which. #}
{% macro drop_stale_parts(inputs) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where fingerprint in (
            select fingerprint from (select distinct fingerprint from {{ this }}) as parts
            where fingerprint not in (select fingerprint from {{ inputs }})
        )
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{# The inputs are named: where none is missing, DuckDB then knows beforehand that there is nothing to compute. #}
{% macro where_part_is_missing(inputs) -%}
    {%- if execute and is_incremental() -%}
        {%- set missing = run_query(
            "select fingerprint from " ~ inputs ~ " where fingerprint not in (select fingerprint from "
            ~ "(select distinct fingerprint from " ~ this ~ ") as parts)"
        ).columns[0].values() -%}
        where {{ "fingerprint in ('" ~ missing | join("', '") ~ "')" if missing else "false" }}
    {%- endif -%}
{%- endmacro %}
