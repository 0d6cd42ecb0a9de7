-- One row per night and item that was there by then: its recall odds, exp(activation) (Anderson & Schooler 1991).
with nights as (
    select * from {{ ref('ltm_nights') }}
),

presentations as (
    select * from {{ ref('ltm_presentations') }}
),

presented as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        presentations.item_id,
        count(*) as presentation_count,
        min(presentations.occurred_at) as first_at,
        max(presentations.occurred_at) as last_at
    from nights
    inner join presentations
        on presentations.agent = nights.agent and presentations.occurred_at < nights.night_at
    group by nights.agent, nights.night, nights.night_at, presentations.item_id
),

final as (
    select
        agent,
        night,
        night_at,
        item_id,
        exp({{ base_level_activation(
            'presentation_count', 'epoch(night_at) - epoch(first_at)', 'epoch(night_at) - epoch(last_at)'
        ) }}) as recall_odds
    from presented
)

select * from final
