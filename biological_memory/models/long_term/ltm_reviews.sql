-- One row per item: its events and remindings in time order, and stability, difficulty and lapses after them (FSRS-6, a
-- fold).
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('ltm_review_inputs'), 'item_id') }}"
) }}

with inputs as (
    select * from {{ ref('ltm_review_inputs') }}
    {{ where_missing('item_id') }}
),

presented as (
    select item_id, event_id, occurred_at, grade, 1.0 as strength from {{ ref('attention_events') }}
    semi join inputs using (item_id)
    union all
    select item_id, cue_id as event_id, occurred_at, 3 as grade, strength from {{ ref('con_remindings') }}
    semi join inputs using (item_id)
),

events as (
    select
        item_id,
        count(*) filter (where strength = 1) as review_count,
        {{ ordered_list(
            fsrs_event('occurred_at', 'grade', 'strength'), ['occurred_at', '-strength', 'event_id']
        ) }} as events
    from presented
    group by item_id
),

folded as (
    select
        inputs.item_id, inputs.fingerprint, events.review_count, events.events,
        {{ fsrs_fold('events.events') }} as state  -- noqa: PRS
    from inputs
    inner join events using (item_id)
),

final as (
    select
        item_id,
        fingerprint,
        events,
        state.stability as stability_days,
        state.difficulty as difficulty,
        make_timestamptz(cast(round(state.seconds * 1000000) as bigint)) as last_reviewed_at,
        cast(review_count as integer) as review_count,
        cast(state.lapses as integer) as lapse_count
    from folded
)

select * from final
