{#
    Expensive models recompute only rows whose inputs changed: each row holds the key of its input and a fingerprint of
    that input and of the parameters. A run without --full-refresh first drops the rows whose input is gone or different
    (pre-hook), then computes the missing keys, and so equals a full rebuild by construction.
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

{#
    The keys that an incremental run has to compute, or the values of a column of another relation for these keys. None
    if there are more than `most`, or in a full rebuild.
#}
{% macro few_missing(inputs, key, most, relation=none, column=none) -%}
    {%- if execute and is_incremental() -%}
        {%- set missing = "select " ~ key ~ " from " ~ inputs
            ~ " where (" ~ key ~ ", fingerprint) not in (select (" ~ key ~ ", fingerprint) from " ~ this ~ ")" -%}
        {%- if relation is not none -%}
            {%- set missing = "select " ~ column ~ " from " ~ relation ~ " where " ~ key ~ " in (" ~ missing ~ ")" -%}
        {%- endif -%}
        {%- set missing = run_query(missing ~ " limit " ~ (most + 1)).columns[0].values() -%}
        {%- if missing | length <= most -%}
            {{ return(missing) }}
        {%- endif -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# As drop_stale, for models with many rows per input: the fingerprint alone identifies the input (a part). #}
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

{# Lists the missing parts as literals: if there are none, DuckDB knows in advance that nothing is to be computed. #}
{% macro where_part_is_missing(inputs) -%}
    {%- if execute and is_incremental() -%}
        {%- set missing = run_query(
            "select fingerprint from " ~ inputs ~ " where fingerprint not in (select fingerprint from "
            ~ "(select distinct fingerprint from " ~ this ~ ") as parts)"
        ).columns[0].values() -%}
        where {{ "fingerprint in ('" ~ missing | join("', '") ~ "')" if missing else "false" }}
    {%- endif -%}
{%- endmacro %}

{# For parts that are days: those that an incremental run has to compute; none in a full rebuild. #}
{% macro missing_days(inputs) -%}
    {%- if execute and is_incremental() -%}
        {{ return(run_query(
            "select day from " ~ inputs ~ " where fingerprint not in (select fingerprint from "
            ~ "(select distinct fingerprint from " ~ this ~ ") as parts)"
        ).columns[0].values()) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# Whether a term is one of these values, or true; lists them as literals, so that DuckDB filters while it scans. #}
{% macro is_one_of(values, term) -%}
    {%- if values is none -%} true
    {%- elif values | length == 0 -%} false
    {%- else -%} {{ term }} in ('{{ values | join("', '") }}')
    {%- endif -%}
{%- endmacro %}

{# Whether an instant is on one of these days. #}
{% macro lies_on(days, instant) -%}
    {{ is_one_of(days, day_number(instant)) }}
{%- endmacro %}

{#
    Sets aside the published rows of stale parts before they are dropped: ingest/publishing/published.py finds what to
    publish from these and the new rows. A table that is rebuilt is compared with everything in Postgres.
#}
{% macro put_by_stale_parts(inputs) -%}
    {%- set published = adapter.get_relation(this.database, this.schema, "published_parts_" ~ this.identifier) -%}
    {%- set former = this.incorporate(path={"identifier": "former_" ~ this.identifier}) -%}
    {%- if published is none -%}
        select 1
    {%- elif is_incremental() -%}
        insert into {{ former }}
        from {{ this }}
        where fingerprint in (
            select fingerprint from {{ published }}
            where
                fingerprint not in (select fingerprint from {{ inputs }})
                and fingerprint not in (select fingerprint from (select distinct fingerprint from {{ former }}) as parts)
        )
    {%- else -%}
        drop table {{ published }}
    {%- endif -%}
{%- endmacro %}
