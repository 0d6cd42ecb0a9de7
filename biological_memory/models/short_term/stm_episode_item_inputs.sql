-- One row per item: a fingerprint of its part of the session, of the item and of its annotation.
with contexts as (
    select item_id, session_id, fingerprint from {{ ref('stm_context') }}
),

memories as (
    select memory_id as item_id, fingerprint from {{ ref('stg_memories') }}
),

annotations as (
    select memory_id as item_id, fingerprint from {{ ref('stg_annotations') }}
),

final as (
    select
        item_id,
        hash(
            contexts.session_id, contexts.fingerprint, memories.fingerprint, annotations.fingerprint,
            '{{ var("unknown_salience") }}'
        ) as fingerprint
    from contexts
    inner join memories using (item_id)
    left join annotations using (item_id)
)

select * from final
