-- One row per item and name in it: how many items have had the name, and how many there have been, up to this one.
with items as (
    select
        item_id,
        agent,
        created_at as occurred_at,
        {{ night_of('created_at') }} as day,
        row_number() over (partition by agent order by created_at, item_id) as item_number
    from {{ ref('stm_sessions') }}
),

names as (
    select distinct item_id, unnest(name_hashes) as name_hash from {{ ref('ltm_meanings') }}
),

final as (
    select
        items.agent,
        items.item_id,
        items.occurred_at,
        items.day,
        items.item_number,
        names.name_hash,
        row_number() over (partition by names.name_hash order by items.occurred_at, items.item_id) as mention_number
    from names
    inner join items using (item_id)
)

select * from final
