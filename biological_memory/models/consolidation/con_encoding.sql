-- One row per item: how well it was encoded, 0 to 1, from the first slot it held and from strong feeling.
{{ config(materialized='view') }}
with sessions as (
    select item_id from {{ ref('stm_sessions') }}
),

slots as (
    select * from {{ ref('attention_slots') }}
),

annotations as (
    select memory_id as item_id, sentiment from {{ ref('stg_annotations') }}
),

first_slots as (
    select
        memory_id as item_id,
        arg_min((slot_capacity - wm_slot + 1) / slot_capacity, window_start) as attention
    from slots
    group by memory_id
),

final as (
    select
        sessions.item_id,
        1 - (1 - {{ var('attention_weight') }} * coalesce(first_slots.attention, 0))
        * (1 - {{ var('emotional_weight') }} * {{ emotional_salience('annotations.sentiment') }}) as encoding
    from sessions
    left join first_slots using (item_id)
    left join annotations using (item_id)
)

select * from final
