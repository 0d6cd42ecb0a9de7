-- One row per episode: its goal, tasks and actions, places, times and people.
-- A view, like memory_states: changes since the last publication are detected in stm_episode_goals.
{{ config(materialized='view') }}
with episodes as (
    select * from {{ by_name(ref('stm_episodes')) }}
),

served as (
    select episode_id, goal_id from {{ by_name(ref('stm_episode_goals')) }}
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
        served.goal_id as goal_memory_id,
        episodes.task_memory_ids,
        episodes.action_memory_ids,
        episodes.topics,
        episodes.projects,
        episodes.places,
        episodes.people,
        episodes.episode_type,
        episodes.emotional_salience
    from episodes
    inner join served using (episode_id)
)

select * from final
