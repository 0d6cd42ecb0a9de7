-- One row per episode: a fingerprint of its items and their data.
with items as (
    select episode_id, item_id, fingerprint from {{ ref('stm_episode_items') }}
),

final as (
    select episode_id, {{ rows_hash('item_id, fingerprint') }} as fingerprint from items
    group by episode_id
)

select * from final
