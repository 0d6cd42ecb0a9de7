-- One row per item and day on which a new one brought it back to mind: study-phase retrieval (Hintzman 2004). A new
-- item reminds of the few earlier ones, of days before, that share its distinctive names or are nearest in meaning;
-- each day an item is presented once, by the strongest of its cues.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale_parts(ref('con_reminding_inputs')) }}"
) }}
{% set missing = missing_days(ref('con_reminding_inputs')) if is_incremental() else none %}
with days as (
    select * from {{ ref('con_reminding_inputs') }}
    {{ where_part_is_missing(ref('con_reminding_inputs')) }}
),

-- The days are literals, which filter the scans of this view; joined with them, it would be computed for all days.
named as (
    select * from {{ ref('con_name_ties') }} where {{ is_one_of(missing, 'day') }}
),

items as (
    select
        memories.memory_id, memories.item_id, sessions.agent, sessions.created_at,
        {{ night_of('sessions.created_at') }} as day
    from {{ ref('stg_memories') }} as memories
    inner join {{ ref('stm_sessions') }} as sessions using (item_id)
),

alike as (
    select
        later.item_id as cue_id,
        earlier.item_id,
        (max(edges.cosine_similarity) - {{ var('reminding_similarity') }})
        / (1 - {{ var('reminding_similarity') }}) as tie
    from {{ ref('ltm_semantic_edges') }} as edges
    inner join items as later on later.memory_id = edges.later_id
    inner join days using (agent, day)
    inner join items as earlier on earlier.memory_id = edges.earlier_id and earlier.day < later.day
    where edges.cosine_similarity > {{ var('reminding_similarity') }}
    group by later.item_id, earlier.item_id
),

ties as (
    select
        cue_id, item_id,
        1 - (1 - coalesce(named.tie, 0)) * (1 - coalesce(alike.tie, 0)) as tie
    from named
    full join alike using (cue_id, item_id)
),

dated as (
    select ties.*, cue.agent, cue.day, cue.created_at as occurred_at, item.created_at
    from ties
    inner join items as cue on cue.memory_id = ties.cue_id
    inner join items as item on item.memory_id = ties.item_id
),

few as (
    select * from dated
    qualify
        row_number() over (partition by cue_id order by tie desc, created_at desc, item_id)
        <= {{ var('reminding_budget') }}
),

final as (
    select
        few.agent,
        few.day,
        few.item_id,
        few.cue_id,
        few.occurred_at,
        few.tie,
        {{ var('reminding_strength') }} * few.tie as strength,
        days.fingerprint
    from few
    inner join days using (agent, day)
    where {{ var('reminding_strength') }} * few.tie > 0
    qualify row_number() over (partition by few.item_id, few.day order by few.tie desc, few.occurred_at, few.cue_id) = 1
)

select * from final
