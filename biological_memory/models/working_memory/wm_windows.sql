-- One row per agent and window of attention: the number of items it offers, and a fingerprint of it and their vectors.
with activations as (
    select agent, window_start, item_id from {{ ref('wm_activations') }}
),

embeddings as (
    select memory_id as item_id, embedding_hash from {{ ref('stg_embeddings') }}
),

final as (
    select
        agent || '/' || strftime(timezone('UTC', activations.window_start), '%Y-%m-%dT%H:%M:%SZ') as window_id,
        activations.agent,
        activations.window_start,
        count(*) as offered_count,
        hash(
            count(*),
            {{ rows_hash('activations.item_id, embeddings.embedding_hash') }}
            filter (embeddings.item_id is not null)
        ) as fingerprint
    from activations
    left join embeddings using (item_id)
    group by activations.agent, activations.window_start
)

select * from final
