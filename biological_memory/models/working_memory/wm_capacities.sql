-- One row per agent and window of attention: its number of slots, after interference among the items offered.
{{ config(materialized='view') }}
with windows as (
    select * from {{ ref('wm_windows') }}
),

crowding as (
    select window_id, mean_cosine_similarity from {{ ref('wm_crowding') }}
),

final as (
    select
        windows.agent,
        windows.window_start,
        windows.offered_count,
        crowding.mean_cosine_similarity,
        cast(least(greatest(round(
            {{ var('working_memory_capacity') }} + coalesce(
                2 * (1 - crowding.mean_cosine_similarity / {{ var('interference_similarity') }}), 0
            )
        ), 5), 9) as integer) as slot_capacity
    from windows
    left join crowding using (window_id)
)

select * from final
