-- One row per agent, window of attention and item in it: the activation of the item when the window ended.
with events as (
    select
        *,
        time_bucket(interval '{{ var("attention_window_minutes") }} minutes', occurred_at) as window_start
    from {{ ref('attention_events') }}
),

annotations as (
    select memory_id as item_id, sentiment from {{ ref('stg_annotations') }}
),

presentations as (
    select
        agent,
        window_start,
        item_id,
        window_start + interval '{{ var("attention_window_minutes") }} minutes' as window_end,
        count(*) as presentation_count,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from events
    group by agent, window_start, item_id
),

so_far as (
    select
        * replace (
            sum(presentation_count) over past as presentation_count,
            min(first_at) over past as first_at
        ),
        first_at as entered_at
    from presentations
    window past as (partition by item_id order by window_start)
),

activated as (
    select
        so_far.agent,
        so_far.window_start,
        so_far.window_end,
        so_far.item_id,
        so_far.entered_at,
        {{ base_level_activation(
            'so_far.presentation_count',
            'epoch(so_far.window_end) - epoch(so_far.first_at)',
            'epoch(so_far.window_end) - epoch(so_far.last_at)'
        ) }} as activation_strength,
        {{ emotional_salience('annotations.sentiment') }} as emotional_salience
    from so_far
    left join annotations using (item_id)
)

select *, activation_strength + {{ var('emotional_weight') }} * emotional_salience as final_priority from activated
