-- One row per session: a fingerprint of all that its context is computed from.
with sessions as (
    select * from {{ ref('stm_sessions') }}
),

embeddings as (
    select memory_id as item_id, embedding_hash from {{ ref('stg_embeddings') }}
),

final as (
    select
        session_id,
        md5(
            bit_xor(hash(item_id, session_position, embedding_hash))
            || ' {{ var("context_drift_rate") }} {{ var("episode_boundary_similarity") }}'
        ) as fingerprint
    from sessions
    left join embeddings using (item_id)
    group by session_id
)

select * from final
