-- What happened on a day?
-- :day date none -- the day (YYYY-MM-DD); without it, the latest on which something was remembered
-- :limit integer 100 -- events to show
with cycle as (
    select * from dreams.visible_cycle
),

-- One row: the day, and the time zone whose day it is.
asked as (
    select
        c.timezone,
        coalesce(%(day)s::date, (m.created_at at time zone c.timezone)::date) as day
    from cycle as c
    inner join lateral (
        select max(created_at) as created_at from public.memories
        where created_at <= c.as_of
    ) as m on true
),

events as (
    select
        v.*,
        a.timezone
    from dreams.memory_timeline as v
    inner join asked as a
        on
            v.occurred_at >= a.day::timestamp at time zone a.timezone
            and v.occurred_at < (a.day + 1)::timestamp at time zone a.timezone
    where v.kind <> 'rehearsed'
)

select
    to_char(v.occurred_at at time zone v.timezone, 'YYYY-MM-DD HH24:MI') as at,
    v.kind || coalesce(' (grade ' || v.grade || ')', '') as event,
    left(v.gist, 80) as memory,
    p.project,
    p.place,
    array_to_string(p.people, ', ') as people
from events as v
left join dreams.episode_members as p on p.memory_id = v.memory_id
order by v.occurred_at asc, v.memory_id asc, v.kind asc
limit %(limit)s
