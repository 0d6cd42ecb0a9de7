-- One row per night and item that was there by then: its recall odds, exp(activation) (Anderson & Schooler 1991).
with nights as (
    select * from {{ ref('ltm_nights') }}
),

items as (
    select agent, item_id, list_sort(list(occurred_at)) as presented_at from {{ ref('ltm_presentations') }}
    group by agent, item_id
),

presented as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        items.item_id,
        list_filter(items.presented_at, lambda instant: instant < nights.night_at) as presented_at
    from nights
    inner join items on items.agent = nights.agent and items.presented_at[1] < nights.night_at
),

final as (
    select
        agent,
        night,
        night_at,
        item_id,
        exp({{ base_level_activation(
            'len(presented_at)', 'epoch(night_at) - epoch(presented_at[1])',
            'epoch(night_at) - epoch(presented_at[-1])'
        ) }}) as recall_odds
    from presented
)

select * from final
