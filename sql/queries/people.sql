-- Who comes up, and when last?
-- :limit integer 30 -- people to show
-- Scans the people of every memory: about a second for a million memories.
with mentions as (
    select
        p.memory_id,
        p.occurred_at,
        p.project,
        person
    from dreams.episode_members as p
    cross join lateral unnest(p.people) as person
),

people as (
    select
        person,
        count(*) as memories,
        max(occurred_at) as last_at,
        (array_agg(memory_id order by occurred_at desc, memory_id asc))[1] as last_memory_id,
        mode() within group (order by project) as project
    from mentions
    group by person
    order by count(*) desc, person asc
    limit %(limit)s
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    p.person,
    p.memories,
    p.project as mostly_in,
    to_char(p.last_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as last_time,
    left(s.semantic_gist, 80) as last_memory
from people as p
inner join dreams.memory_states as s on s.memory_id = p.last_memory_id
inner join cycle as c on true
order by p.memories desc, p.person asc
