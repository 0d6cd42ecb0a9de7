-- What was I working on last week?
-- :days days 7 -- how far back
-- :limit integer 50 -- episodes to show
with cycle as (
    select * from dreams.visible_cycle
),

episodes as (
    select
        e.*,
        coalesce(nullif(array_to_string(e.projects, ', '), ''), '(no project)') as project,
        e.ended_at - e.started_at as duration
    from dreams.episodes as e
    inner join cycle as c on e.started_at > c.as_of - make_interval(days => %(days)s) and e.started_at <= c.as_of
),

states as (
    select
        memory_id,
        semantic_gist
    from dreams.memory_states
)

select
    e.project,
    to_char(e.started_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as started,
    round(extract(epoch from e.duration) / 60) as minutes,
    round(extract(epoch from sum(e.duration) over (partition by e.project)) / 3600, 1) as project_hours,
    e.memory_count as memories,
    left(title.semantic_gist, 60) as episode,
    left(goal.semantic_gist, 60) as goal,
    e.episode_type as kind
from episodes as e
inner join cycle as c on true
left join states as title on title.memory_id = e.title_memory_id
left join states as goal on goal.memory_id = e.goal_memory_id
order by sum(e.memory_count) over (partition by e.project) desc, e.project asc, e.started_at desc, e.episode_id asc
limit %(limit)s
