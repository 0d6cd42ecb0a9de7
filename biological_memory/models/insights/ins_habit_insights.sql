-- One row per habit: when the concept comes up, as an insight. A phrase with a word that has the same habit repeats it.
with habits as (
    select * from {{ ref('ins_habits') }}
),

final as (
    select
        'pattern:' || agent || ':' || rhythm || ':' || concept as insight_id,
        agent,
        'pattern' as insight_type,
        confidence as confidence_score,
        format(
            '{} comes up {}: on {} of {} days, in {} different weeks.', concept,
            if(rhythm = 'weekday', 'on ' || slot || 's', 'around ' || slot || ':00'),
            slot_count, total_count, week_count
        ) as insight_description,
        json_object(
            'lift', round(lift, 3), 'days', slot_count, 'weeks', week_count, 'chance', chance
        ) as supporting_evidence,
        memory_ids as related_memories,
        night_at as discovered_at,
        'exact binomial test, false discovery rate' as discovery_method
    from habits
    where not exists (
        select 1 from habits as broader
        where
            broader.agent = habits.agent and broader.rhythm = habits.rhythm and broader.slot = habits.slot
            and broader.concept <> habits.concept
            and contains(' ' || habits.concept || ' ', ' ' || broader.concept || ' ')
    )
)

select * from final
