-- What was unlike anything before?
-- :limit integer 20 -- memories to show, the most surprising first
with surprises as (
    select
        *,
        related_memories[1] as memory_id
    from dreams.memory_insights
    where insight_type = 'anomaly'
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    left(l.semantic_gist, 80) as memory,
    to_char(s.discovered_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as noted,
    round(s.confidence_score::numeric, 2) as confidence,
    round((s.supporting_evidence ->> 'nearest_similarity')::numeric, 2) as nearest_similarity,
    round((s.supporting_evidence ->> 'usual_similarity')::numeric, 2) as usual_similarity
from surprises as s
inner join dreams.memory_states as l on l.memory_id = s.memory_id
inner join cycle as c on true
order by s.confidence_score desc, s.insight_id asc
limit %(limit)s
