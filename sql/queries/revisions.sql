-- What contradicts or supersedes what?
-- :limit integer 30 -- revisions to show, the latest first
with revisions as (
    select
        *,
        related_memories[2] as earlier_id,
        split_part(insight_description, ' Before: ', 1) as later,
        split_part(insight_description, ' Before: ', 2) as earlier
    from dreams.memory_insights
    where insight_type in ('supersession', 'contradiction')
),

states as (
    select
        memory_id,
        created_at
    from dreams.memory_states
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    to_char(r.discovered_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as since,
    case r.insight_type when 'supersession' then 'supersedes' else 'contradicts' end as kind,
    left(regexp_replace(r.later, '^Now: ', ''), 80) as later_memory,
    left(r.earlier, 80) as earlier_memory,
    to_char(earlier.created_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as earlier_from,
    round(r.confidence_score::numeric, 2) as confidence
from revisions as r
inner join states as earlier on earlier.memory_id = r.earlier_id
inner join cycle as c on true
order by r.discovered_at desc, r.insight_id asc
limit %(limit)s
