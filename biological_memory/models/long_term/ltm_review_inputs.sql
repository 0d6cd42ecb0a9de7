-- One row per item: a fingerprint of its events, its remindings and the parameters of the memory model.
with events as (
    select * from {{ ref('attention_events') }}
),

remindings as (
    select item_id, {{ rows_hash('cue_id, occurred_at, strength') }} as remindings_hash
    from {{ ref('con_remindings') }}
    group by item_id
),

final as (
    select
        item_id,
        hash(
            {{ rows_hash('event_id, occurred_at, grade') }}, any_value(remindings.remindings_hash),
            '{{ var("fsrs_weights") }} {{ var("fsrs_decay") }}'
        ) as fingerprint
    from events
    left join remindings using (item_id)
    group by item_id
)

select * from final
