-- One row per item and name in it: when the name was first mentioned, and when it was next, so that each mention holds
-- the state of its name until then.
{{ config(materialized='view') }}
with mentions as (
    select * from {{ ref('ltm_mentions') }}
),

final as (
    select
        agent,
        item_id,
        name_hash,
        mention_number,
        occurred_at,
        min(occurred_at) over (partition by name_hash) as first_at,
        lead(occurred_at) over (partition by name_hash order by mention_number) as next_at
    from mentions
)

select * from final
