-- Which goals are open, and what serves them?
-- :days days 30 -- a goal is open that nothing supersedes and that was set or worked on so lately
-- :limit integer 20 -- goals to show, the latest first
with cycle as (
    select * from dreams.visible_cycle
),

served as (
    select
        goal_memory_id,
        count(*) as episodes,
        max(ended_at) as last_worked_at
    from dreams.episodes
    where goal_memory_id is not null
    group by goal_memory_id
),

goals as (
    select
        s.memory_id,
        s.semantic_gist,
        s.created_at,
        v.episodes,
        v.last_worked_at,
        c.timezone
    from served as v
    inner join dreams.memory_states as s on s.memory_id = v.goal_memory_id
    inner join cycle as c on true
    where
        s.superseded_by is null
        and v.last_worked_at > c.as_of - make_interval(days => %(days)s)
    order by v.last_worked_at desc, s.memory_id asc
    limit %(limit)s
),

steps as (
    select
        e.goal_memory_id,
        'task' as kind,
        t.memory_id,
        t.semantic_gist,
        t.created_at
    from dreams.episodes as e
    inner join goals as g on g.memory_id = e.goal_memory_id
    inner join dreams.memory_states as t on t.memory_id = any(e.task_memory_ids)
    union all
    select
        e.goal_memory_id,
        'action' as kind,
        t.memory_id,
        t.semantic_gist,
        t.created_at
    from dreams.episodes as e
    inner join goals as g on g.memory_id = e.goal_memory_id
    inner join dreams.memory_states as t on t.memory_id = any(e.action_memory_ids)
),

ranked as (
    select
        *,
        row_number() over (partition by goal_memory_id, kind order by created_at desc, memory_id asc) as latest_rank
    from steps
),

told as (
    select
        goal_memory_id,
        count(*) filter (where kind = 'task') as tasks,
        count(*) filter (where kind = 'action') as actions,
        string_agg(left(semantic_gist, 60), '; ' order by latest_rank) filter (
            where kind = 'task' and latest_rank <= 3
        ) as latest_tasks,
        string_agg(left(semantic_gist, 60), '; ' order by latest_rank) filter (
            where kind = 'action' and latest_rank <= 3
        ) as latest_actions
    from ranked
    group by goal_memory_id
)

select
    left(g.semantic_gist, 80) as goal,
    to_char(g.created_at at time zone g.timezone, 'YYYY-MM-DD HH24:MI') as since,
    to_char(g.last_worked_at at time zone g.timezone, 'YYYY-MM-DD HH24:MI') as last_worked_on,
    g.episodes,
    coalesce(t.tasks, 0) as tasks,
    t.latest_tasks,
    coalesce(t.actions, 0) as actions,
    t.latest_actions
from goals as g
left join told as t on t.goal_memory_id = g.memory_id
order by g.last_worked_at desc, g.memory_id asc
