-- One row per memory: a fingerprint of the memory and of its annotation.
with annotations as (
    select memory_id, fingerprint from {{ ref('stg_annotations') }}
),

memories as (
    select memory_id, fingerprint from {{ ref('stg_memories') }}
),

final as (
    select memories.memory_id, hash(memories.fingerprint, annotations.fingerprint) as fingerprint
    from memories
    left join annotations using (memory_id)
)

select * from final
