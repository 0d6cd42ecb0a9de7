-- One row per memory: what it says in a sentence: its own summary, else the annotation's gist, else its beginning.
with memories as (
    select memory_id, agent, summary, content from {{ ref('stg_memories') }}
),

annotations as (
    select memory_id, gist from {{ ref('stg_annotations') }}
),

final as (
    select
        memories.memory_id,
        memories.agent,
        coalesce(
            nullif(trim(memories.summary), ''),
            nullif(annotations.gist, ''),
            left(regexp_replace(memories.content, '\s+', ' ', 'g'), 200)
        ) as gist
    from memories
    left join annotations using (memory_id)
)

select * from final
