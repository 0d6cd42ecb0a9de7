-- One row per item: its events in time order, and their fingerprint with the parameters of the memory model.
with events as (
    select * from {{ ref('attention_events') }}
),

final as (
    select
        item_id,
        list({{ fsrs_event('occurred_at', 'grade') }} order by occurred_at, event_id) as events,
        md5(
            string_agg(epoch_us(occurred_at) || ' ' || grade, ',' order by occurred_at, event_id)
            || '{{ var("fsrs_weights") }} {{ var("fsrs_decay") }}'
        ) as fingerprint
    from events
    group by item_id
)

select * from final
