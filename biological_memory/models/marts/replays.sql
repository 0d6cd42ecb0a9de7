-- One row per memory chosen for replay and night that is due: the largest products of gain and need (Mattar & Daw
-- 2018). Gain is the share of recall lost by then, which one replay restores. Write-back records the choice as events.
with nights as (
    select * from {{ ref('ltm_nights') }}
    where is_replay_due
),

needs as (
    select * from {{ ref('ltm_need') }}
),

reviews as (
    select item_id, events from {{ ref('ltm_reviews') }}
),

candidates as (
    select
        needs.agent,
        needs.night,
        needs.night_at,
        needs.item_id,
        needs.need,
        len(list_filter(reviews.events, lambda event: event.seconds < epoch(needs.night_at))) as event_count
    from needs
    inner join nights using (agent, night)
    inner join reviews using (item_id)
),

-- Most nights bring no new event of an item: its events are folded once for all nights with the same events.
remembered as (
    select item_id, event_count, {{ fsrs_fold('events[:event_count]') }} as state  -- noqa: PRS
    from (select distinct item_id, event_count from candidates) as so_far
    inner join reviews using (item_id)
),

gained as (
    select
        candidates.*,
        1 - {{ fsrs_retrievability('(epoch(night_at) - state.seconds) / 86400.0', 'state.stability') }} as gain
    from candidates
    inner join remembered using (item_id, event_count)
),

ranked as (
    select
        *,
        row_number() over (partition by agent, night order by gain * need desc, item_id) as replay_rank
    from gained
),

final as (
    select
        agent,
        night,
        night_at as occurred_at,
        item_id as memory_id,
        cast(replay_rank as integer) as replay_rank,
        gain,
        need,
        gain * need as priority
    from ranked
    where replay_rank <= {{ var('replay_budget') }}
)

select * from final
