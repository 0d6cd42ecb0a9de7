-- What have I not thought of in a month, but was strong?
-- :days days 30 -- days without a thought of it
-- :limit integer 20 -- memories to show
-- Strength at the last recall is the noisy or of the published terms, at a retrievability of 1.
-- Scans every memory not thought of since: about four seconds for a million.
with memories as (
    select
        *,
        1 - (1 - importance_score) * (1 - association_score) * (1 - stability_score) as strength_when_recalled
    from dreams.long_term_memories
    where last_accessed_at < as_of - make_interval(days => %(days)s)
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    left(m.semantic_gist, 80) as memory,
    to_char(m.last_accessed_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as last_thought_of,
    extract(day from m.as_of - m.last_accessed_at) as days_ago,
    m.access_count as times_thought_of,
    round(m.strength_when_recalled::numeric, 2) as strength_when_recalled,
    round(m.strength::numeric, 2) as strength_now,
    round(m.retrievability::numeric, 2) as recall_probability,
    m.fate
from memories as m
inner join cycle as c on true
order by m.strength_when_recalled desc, m.memory_id asc
limit %(limit)s
