-- What do I know about a topic, project or person?
-- :topic text required -- a concept, project, person or any words
-- :limit integer 30 -- memories to show
-- Scans the text of every memory: about ten seconds for a million memories.
with people as (
    select
        memory_id,
        array_agg(lower(person)) || array_agg(lower(name)) || array_agg(lower(word)) as names
    from dreams.people()
    cross join lateral unnest(dreams.without_titles(person)) as w (word)
    group by memory_id
),

matches as (
    select
        m.id as memory_id,
        coalesce(m.parent_id, m.id) as document_id,
        p.project,
        case
            when lower(%(topic)s::text) = any(s.concepts) then 1
            when lower(%(topic)s::text) = lower(p.project) then 2
            when lower(%(topic)s::text) = any(n.names) then 3
            when strpos(lower(s.semantic_gist), lower(%(topic)s::text)) > 0 then 4
            when strpos(lower(m.content), lower(%(topic)s::text)) > 0 then 5
        end as place
    from public.memories as m
    inner join dreams.memory_states as s on s.memory_id = m.id
    left join dreams.episode_members as p on p.memory_id = m.id
    left join people as n on n.memory_id = m.id
),

found as (
    select distinct on (document_id) * from matches
    where place is not null
    order by document_id asc, place asc, memory_id asc
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    left(l.semantic_gist, 80) as memory,
    to_char(l.created_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as noted,
    f.project,
    (array['concept', 'project', 'person', 'gist', 'content'])[f.place] as found_in,
    round(l.strength::numeric, 2) as strength,
    round(l.retrievability::numeric, 2) as recall_probability,
    case when l.superseded_by is null then l.fate else l.fate || ', superseded' end as fate
from found as f
inner join dreams.long_term_memories as l on l.memory_id = f.memory_id
inner join cycle as c on true
order by f.place > 3 asc, l.strength desc, l.memory_id asc
limit %(limit)s
