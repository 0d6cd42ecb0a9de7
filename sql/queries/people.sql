-- Who comes up, and when last?
-- :limit integer 30 -- people to show
-- Scans the people of every memory: some seconds for a million memories.
with mentions as (
    select distinct
        n.memory_id,
        n.person,
        e.occurred_at,
        e.project
    from dreams.people() as n
    inner join dreams.episode_members as e on e.memory_id = n.memory_id
),

names as (
    select
        person,
        array_agg(distinct name) filter (where name <> person) as also_named
    from dreams.people()
    group by person
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
    array_to_string(n.also_named[1:4], ', ') as also_named,
    p.project as mostly_in,
    to_char(p.last_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as last_time,
    left(s.semantic_gist, 80) as last_memory
from people as p
inner join dreams.memory_states as s on s.memory_id = p.last_memory_id
inner join names as n on n.person = p.person
inner join cycle as c on true
order by p.memories desc, p.person asc
