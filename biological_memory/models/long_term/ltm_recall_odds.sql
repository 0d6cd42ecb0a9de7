-- One row per night and item that was there by then: its recall odds, exp(activation) (Anderson & Schooler 1991). What
-- was replayed at night has not been needed: only what was attended to tells what will be.
with nights as (
    select * from {{ ref('ltm_nights') }}
),

items as (
    select agent, item_id, list_sort(list(occurred_at)) as attended_at from {{ ref('attention_events') }}
    group by agent, item_id
),

attended as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        items.item_id,
        list_filter(items.attended_at, lambda instant: instant < nights.night_at) as attended_at
    from nights
    inner join items on items.agent = nights.agent and items.attended_at[1] < nights.night_at
),

final as (
    select
        agent,
        night,
        night_at,
        item_id,
        exp({{ base_level_activation(
            'len(attended_at)', 'epoch(night_at) - epoch(attended_at[1])',
            'epoch(night_at) - epoch(attended_at[-1])'
        ) }}) as recall_odds
    from attended
)

select * from final
