-- One row per night and item that existed by then: its recall odds, exp(activation) (Anderson & Schooler 1991). Counts
-- attention and remindings, these by their strength; a replay at night does not mean that the item was needed.
{{ config(materialized='view') }}
with nights as (
    select * from {{ ref('ltm_nights') }}
),

-- Each event holds the state of its item until the next one.
events as (
    select
        agent,
        item_id,
        occurred_at,
        first_value(occurred_at) over so_far as first_at,
        row_number() over so_far as attended_count,
        lead(occurred_at) over so_far as next_at,
        cast(sum({{ exact('strength') }}) over so_far as double) as attended_strength
    from {{ ref('ltm_presentations') }}
    where kind <> 'replay'
    window so_far as (partition by agent, item_id order by occurred_at rows unbounded preceding)
),

attended as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        events.item_id,
        events.attended_count,
        events.attended_strength,
        events.first_at,
        events.occurred_at as last_at
    from events
    inner join nights
        on
            nights.agent = events.agent
            and events.occurred_at < nights.night_at
            and coalesce(events.next_at >= nights.night_at, true)
),

final as (
    select
        agent,
        night,
        night_at,
        item_id,
        attended_strength / attended_count * exp({{ base_level_activation(
            'attended_count', 'epoch(night_at) - epoch(first_at)', 'epoch(night_at) - epoch(last_at)'
        ) }}) as recall_odds
    from attended
)

select * from final
