-- One row per item: a fingerprint of its events and of the parameters of the memory model.
with events as (
    select * from {{ ref('attention_events') }}
),

final as (
    select
        item_id,
        hash(
            {{ rows_hash('event_id, occurred_at, grade') }}, '{{ var("fsrs_weights") }} {{ var("fsrs_decay") }}'
        ) as fingerprint
    from events
    group by item_id
)

select * from final
