-- One row per memory that reverts another as git words it, with what it reverts: the latest earlier memory of the agent
-- with that first line.
{{ config(materialized='view') }}
with openings as (
    select
        memory_id, agent, created_at,
        regexp_extract(left(content, 1000), '^[^\n]*') as opening,
        regexp_extract(left(content, 1000), '^Revert "(.+)"', 1) as reverted
    from {{ ref('stg_memories') }}
),

final as (
    select later.memory_id as later_id, earlier.memory_id as earlier_id, later.created_at
    from openings as later
    inner join openings as earlier
        on
            earlier.agent = later.agent
            and earlier.opening = later.reverted
            and earlier.created_at < later.created_at
    where later.reverted <> ''
    qualify row_number() over (partition by later.memory_id order by earlier.created_at desc, earlier.memory_id) = 1
)

select * from final
