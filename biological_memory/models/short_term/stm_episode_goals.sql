-- One row per episode: the goal it serves. The goal and the fingerprint show whether the episode has changed.
with episodes as (
    select episode_id, agent, started_at, ended_at, project, stated_goal_id, fingerprint from {{ ref('stm_episodes') }}
),

goals as (
    select agent, project, occurred_at, max(item_id) as item_id from {{ ref('stm_episode_items') }}
    where task_type = 'goal' group by all
),

-- Work on a project serves the last goal stated for it, in any session.
served as (
    select episodes.episode_id, goals.item_id as goal_id
    from episodes
    asof inner join goals
        on
            episodes.agent = goals.agent and episodes.project = goals.project
            and episodes.ended_at >= goals.occurred_at
    where episodes.stated_goal_id is null
),

final as (
    select
        episodes.episode_id, episodes.started_at, episodes.fingerprint,
        coalesce(episodes.stated_goal_id, served.goal_id) as goal_id
    from episodes
    left join served using (episode_id)
)

select * from final
