-- One row per item: stability, difficulty and lapses after all its events (FSRS-6, a fold in time order).
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('ltm_review_inputs'), 'item_id') }}"
) }}

with inputs as (
    select * from {{ ref('ltm_review_inputs') }}
    {{ where_missing('item_id') }}
),

folded as (
    select item_id, fingerprint, len(events) as review_count, {{ fsrs_fold('events') }} as state  -- noqa: PRS
    from inputs
),

final as (
    select
        item_id,
        fingerprint,
        state.stability as stability_days,
        state.difficulty as difficulty,
        make_timestamptz(cast(round(state.seconds * 1000000) as bigint)) as last_reviewed_at,
        cast(review_count as integer) as review_count,
        cast(state.lapses as integer) as lapse_count
    from folded
)

select * from final
