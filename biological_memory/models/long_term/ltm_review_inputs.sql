-- One row per item: its events in time order, and their fingerprint with the parameters of the memory model.
with events as (
    select * from {{ ref('attention_events') }}
),

final as (
    select
        item_id,
        {{ ordered_list(fsrs_event('occurred_at', 'grade'), ['occurred_at', 'event_id']) }} as events,
        md5(
            bit_xor(hash(event_id, occurred_at, grade)) || '{{ var("fsrs_weights") }} {{ var("fsrs_decay") }}'
        ) as fingerprint
    from events
    group by item_id
)

select * from final
