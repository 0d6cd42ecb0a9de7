-- One row per session and part of it: a fingerprint of what the context of its items is computed from (the session up
-- to its end), and of the item that follows. Adding to a session thus changes only its last part.
with sessions as (
    select * from {{ ref('stm_sessions') }}
),

embeddings as (
    select memory_id as item_id, embedding_hash from {{ ref('stg_embeddings') }}
),

parts as (
    select
        session_id,
        session_part,
        {{ rows_hash('item_id, session_position, embedding_hash') }} as items_hash,
        arg_min(item_id, session_position) as first_item_id
    from sessions
    left join embeddings using (item_id)
    group by session_id, session_part
),

final as (
    select
        session_id,
        session_part,
        hash(
            bit_xor(items_hash) over (in_session rows unbounded preceding),
            lead(first_item_id) over in_session,
            '{{ var("context_drift_rate") }} {{ var("episode_boundary_similarity") }}'
        ) as fingerprint
    from parts
    window in_session as (partition by session_id order by session_part)
)

select * from final
