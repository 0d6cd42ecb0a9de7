-- One row per episode: goal, tasks and actions, where, when and with whom.
with episodes as (
    select * from {{ ref('stm_episodes') }}
),

goals as (
    select agent, project, occurred_at, max(item_id) as item_id from {{ ref('stm_episode_items') }}
    where task_type = 'goal' group by all
),

-- Work on a project serves the goal last stated for it, in whichever session that was.
served as (
    select episodes.episode_id, goals.item_id as goal_memory_id
    from episodes
    asof inner join goals
        on
            episodes.agent = goals.agent and episodes.project = goals.project
            and episodes.ended_at >= goals.occurred_at
),

final as (
    select
        episodes.episode_id,
        episodes.session_id,
        episodes.agent,
        episodes.started_at,
        episodes.ended_at,
        episodes.memory_count,
        coalesce(episodes.stated_goal_id, episodes.title_memory_id) as title_memory_id,
        coalesce(episodes.stated_goal_id, served.goal_memory_id) as goal_memory_id,
        episodes.task_memory_ids,
        episodes.action_memory_ids,
        episodes.topics,
        episodes.projects,
        episodes.places,
        episodes.people,
        episodes.episode_type,
        episodes.emotional_salience
    from episodes
    left join served using (episode_id)
)

select * from final
