-- One row per memory far from all before it: its similarity to the nearest earlier memory is far below the usual. It
-- shares a concept with another memory: what shares none is a fragment rather than news, and so is
-- a later chunk of a document.
with nearest as (
    select memory_id, nearest_similarity from {{ ref('ltm_nearest') }}
    where nearest_similarity is not null
),

memories as (
    select memory_id, agent, created_at, chunk_index from {{ ref('stg_memories') }}
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

-- Concepts of two items or more.
known_concepts as (
    select agent, concept from {{ ref('ltm_concepts') }}
    group by agent, concept
    having count(distinct item_id) > 1
),

connected as (
    select distinct memory_id
    from {{ ref('ltm_concepts') }}
    semi join known_concepts using (agent, concept)
),

familiar as (
    select
        memories.memory_id,
        memories.agent,
        memories.created_at,
        coalesce(memories.chunk_index, 1) = 1 as is_beginning,
        nearest.nearest_similarity,
        count(*) over up_to as earlier_count,
        avg(nearest.nearest_similarity) over up_to as usual_similarity,
        stddev_samp(nearest.nearest_similarity) over up_to as usual_deviation
    from nearest
    inner join memories using (memory_id)
    inner join nights on nights.agent = memories.agent and memories.created_at < nights.night_at
    window up_to as (
        partition by memories.agent order by memories.created_at, memories.memory_id
        rows between unbounded preceding and 1 preceding
    )
),

final as (
    select
        * exclude (is_beginning),
        (usual_similarity - nearest_similarity) / usual_deviation as deviations
    from familiar
    semi join connected using (memory_id)
    where
        is_beginning and earlier_count >= 30
        and nearest_similarity < usual_similarity - {{ var('anomaly_deviations') }} * usual_deviation
)

select * from final
