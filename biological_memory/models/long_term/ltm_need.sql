-- One row per night and item that was there by then: how likely it is to be needed next. Recall odds are exp(activation)
-- (Anderson & Schooler 1991); part of them spreads to what each item was active together with (Mattar & Daw 2018).
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

coactivations as (
    select * from {{ ref('con_coactivations') }}
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

activated as (
    select
        agent,
        night,
        night_at,
        item_id,
        exp({{ base_level_activation(
            'presentation_count', 'epoch(night_at) - epoch(first_at)', 'epoch(night_at) - epoch(last_at)'
        ) }}) as recall_odds
    from presented
),

ties as (
    select nights.agent, nights.night, coactivations.memory_a, coactivations.memory_b, count(*) as occasions
    from nights
    inner join coactivations on coactivations.occurred_at < nights.night_at
    group by nights.agent, nights.night, coactivations.memory_a, coactivations.memory_b
),

directed_ties as (
    select agent, night, memory_a as from_id, memory_b as to_id, occasions from ties
    union all
    select agent, night, memory_b, memory_a, occasions from ties
),

shared_out as (
    select *, occasions / sum(occasions) over (partition by agent, night, from_id) as share from directed_ties
),

received as (
    select shared_out.agent, shared_out.night, shared_out.to_id as item_id, {{ exact_sum('shared_out.share * activated.recall_odds') }} as odds
    from shared_out
    inner join activated
        on
            activated.agent = shared_out.agent
            and activated.night = shared_out.night
            and activated.item_id = shared_out.from_id
    group by shared_out.agent, shared_out.night, shared_out.to_id
),

final as (
    select
        activated.agent,
        activated.night,
        activated.night_at,
        activated.item_id,
        activated.recall_odds,
        (1 - {{ var('need_spread') }}) * activated.recall_odds
        + {{ var('need_spread') }} * coalesce(received.odds, 0) as need
    from activated
    left join received using (agent, night, item_id)
)

select * from final
