-- One row per memory and quantity that it states: when, its logarithm, and the words before it.
{{ config(materialized='view') }}
with memories as (
    select memory_id, agent, created_at, cast({{ local_time('created_at') }} as date) as local_date
    from {{ ref('stg_memories') }}
),

listed as (
    select memory_id, unnest(quantities) as quantity, generate_subscripts(quantities, 1) as place
    from {{ ref('ins_quantities') }}
),

final as (
    select
        memories.*,
        listed.place,
        listed.quantity.unit,
        ln(listed.quantity.value) as magnitude,
        list_distinct(list_filter(
            list_transform(listed.quantity.words, lambda word: lower(word)), lambda word: word <> ''
        )) as words,
        trim(array_to_string(listed.quantity.words, ' ') || ' ' || listed.quantity.written) as statement
    from listed
    inner join memories using (memory_id)
    where listed.quantity.value > 0
)

select * from final
