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

{#
    The keys of the inputs that an incremental run has to compute, or of these keys a column of another relation; none where
    these are too many, or all.
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

{# Where the parts are days, those that an incremental run has to compute; none where that is all. #}
{% macro missing_days(inputs) -%}
    {%- if execute and is_incremental() -%}
        {{ return(run_query(
            "select day from " ~ inputs ~ " where fingerprint not in (select fingerprint from "
            ~ "(select distinct fingerprint from " ~ this ~ ") as parts)"
        ).columns[0].values()) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# That an instant lies on one of these days: in literals, which DuckDB compares where it reads the instants. #}
{% macro lies_on(days, instant) -%}
    {%- if days is none -%} true
    {%- elif days | length == 0 -%} false
    {%- else -%} {{ day_number(instant) }} in ({{ days | join(", ") }})
    {%- endif -%}
{%- endmacro %}

{#
    Before parts are dropped of which Postgres has the rows, these are put by: from what is new and what was put by it is
    told what differs (ingest/publishing/published.py). A table that is made anew is compared with all that Postgres has.
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
