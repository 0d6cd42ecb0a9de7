-- One row per revision that the last night knew of: the two memories, as an insight.
with revisions as (
    select * from {{ ref('ins_revisions') }}
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

meanings as (
    select memory_id, agent, gist from {{ ref('ltm_meanings') }}
),

final as (
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
    inner join nights on nights.agent = later.agent and revisions.revised_at < nights.night_at
)

select * from final
