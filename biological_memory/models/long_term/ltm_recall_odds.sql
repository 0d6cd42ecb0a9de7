-- One row per night and item that was there by then: its recall odds, which are exp(activation) (Anderson & Schooler 1991).
with nights as (
    select * from {{ ref('ltm_nights') }}
),

attended as (
    select item_id, agent, occurred_at from {{ ref('attention_events') }}
    union all
    select memories.item_id, memories.agent, events.occurred_at
    from {{ ref('stg_events') }} as events
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
    where events.kind = 'rehearsed'
),

presented as (
    select
        nights.agent,
        nights.night,
        nights.night_at,
        attended.item_id,
        count(*) as presentation_count,
        min(attended.occurred_at) as first_at,
        max(attended.occurred_at) as last_at
    from nights
    inner join attended on attended.agent = nights.agent and attended.occurred_at < nights.night_at
    group by nights.agent, nights.night, nights.night_at, attended.item_id
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
