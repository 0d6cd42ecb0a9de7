-- One row per revision that the last night knew of, as an insight: of a memory by another, or of a measure's state.
with revisions as (
    select * from {{ ref('ins_revisions') }}
),

measured as (
    select * from {{ ref('ins_measured') }}
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

meanings as (
    select memory_id, agent, gist from {{ ref('ltm_meanings') }}
),

told as (
    select
        revisions.revision_type || ':' || revisions.later_id as insight_id,
        later.agent,
        revisions.revision_type as insight_type,
        revisions.cosine_similarity as confidence_score,
        'Now: ' || later.gist || ' Before: ' || earlier.gist as insight_description,
        json_object('cosine_similarity', revisions.cosine_similarity, 'valid_until', revisions.revised_at)
            as supporting_evidence,
        [revisions.later_id, revisions.earlier_id] as related_memories,
        revisions.revised_at as discovered_at,
        if(
            revisions.revision_type = 'supersession', 'cue of change near the same statement',
            'other quantities in nearly the same statement'
        ) as discovery_method
    from revisions
    inner join meanings as later on later.memory_id = revisions.later_id
    inner join meanings as earlier on earlier.memory_id = revisions.earlier_id
    union all
    select
        'supersession:' || later_id || ':' || measure || ' ' || unit as insight_id,
        agent,
        'supersession' as insight_type,
        confidence as confidence_score,
        'Now: ' || statement || ' Before: ' || earlier_statement as insight_description,
        json_object('measure', measure || ' ' || unit, 'valid_until', revised_at) as supporting_evidence,
        [later_id, earlier_id] as related_memories,
        revised_at as discovered_at,
        'another value of what is stated time and again' as discovery_method
    from measured
),

final as (
    select told.*
    from told
    inner join nights on nights.agent = told.agent and told.discovered_at < nights.night_at
)

select * from final
