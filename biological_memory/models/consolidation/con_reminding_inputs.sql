-- One row per agent and day on which items came: a fingerprint of all items up to it, their names and their neighbours
-- (an exclusive or of their hashes), so that a late, edited or deleted memory affects only the days from its own on.
with items as (
    select item_id, agent, created_at, {{ night_of('created_at') }} as day from {{ ref('stm_sessions') }}
),

names as (
    select item_id, {{ rows_hash('name_hash') }} as names_hash from {{ ref('ltm_mentions') }}
    group by item_id
),

neighbours as (
    select memories.item_id, {{ rows_hash('nearest.memory_id, nearest.fingerprint') }} as neighbours_hash
    from {{ ref('ltm_nearest') }} as nearest
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
    group by memories.item_id
),

days as (
    select
        items.agent,
        items.day,
        {{ rows_hash('items.item_id, items.created_at, names.names_hash, neighbours.neighbours_hash') }} as items_hash
    from items
    left join names using (item_id)
    left join neighbours using (item_id)
    group by items.agent, items.day
),

final as (
    select
        agent,
        day,
        md5(
            agent || ' ' || day || ' ' || ({{ rows_hash('day, items_hash') }} over up_to)
            || ' {{ var("reminding_strength") }} {{ var("reminding_budget") }} {{ var("reminding_similarity") }}'
            || ' {{ var("name_commonness") }} {{ var("timezone") }} {{ var("night_hour") }}'
        ) as fingerprint
    from days
    window up_to as (partition by agent order by day rows unbounded preceding)
)

select * from final
