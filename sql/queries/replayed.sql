-- What was replayed in the last nights, and why?
-- :days days 3 -- nights back
-- :limit integer 60 -- replays to show
-- A night replays memories that are likely to be needed and half forgotten, ranked by gain (share of recall lost by
-- then) times need.
with cycle as (
    select * from dreams.visible_cycle
),

replays as (
    select v.*
    from dreams.recall_events as v
    inner join cycle as c on true
    where
        v.kind = 'rehearsed'
        and v.occurred_at > c.as_of - make_interval(days => %(days)s)
        and v.occurred_at <= c.as_of
)

select
    to_char(r.occurred_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as night,
    r.rank,
    left(s.semantic_gist, 80) as memory,
    s.access_count as times_thought_of,
    round((r.details ->> 'gain')::numeric, 2) as gain,
    round(
        (r.details ->> 'need')::numeric / max((r.details ->> 'need')::numeric) over (partition by r.occurred_at), 2
    ) as relative_need
from replays as r
inner join dreams.memory_states as s on s.memory_id = r.memory_id
inner join cycle as c on true
order by r.occurred_at desc, r.rank asc, r.memory_id asc
limit %(limit)s
