-- One row per memory and unit of which it states a measure anew, with the statement before it. A value far from that
-- before it, farther than the middle half of the measure's values lie apart, is of something else.
{{ config(materialized='view') }}
with stated as (
    select * from {{ ref('ins_stated') }}
),

measures as (
    select * from {{ ref('ins_measures') }}
),

measured as (
    select
        stated.*, measures.measure,
        max((measures.nearer_count + 1) / (measures.step_count + 2)) over (
            partition by measures.agent, measures.unit, measures.measure
        ) as confidence
    from stated
    inner join measures
        on
            measures.agent = stated.agent and measures.unit = stated.unit
            and list_has_all(stated.words, [measures.one, measures.other])
    qualify row_number() over (
        partition by measures.agent, measures.unit, measures.measure, stated.local_date
        order by stated.created_at, stated.memory_id, stated.place, measures.chance, measures.one, measures.other
    ) = 1
),

followed as (
    select
        agent, unit, measure, memory_id as later_id, created_at as revised_at, statement, magnitude, confidence,
        lag(memory_id) over by_time as earlier_id,
        lag(statement) over by_time as earlier_statement,
        lag(magnitude) over by_time as earlier_magnitude,
        quantile_cont(magnitude, 0.75) over of_measure - quantile_cont(magnitude, 0.25) over of_measure as spread
    from measured
    window
        of_measure as (partition by agent, unit, measure),
        by_time as (partition by agent, unit, measure order by local_date)
),

final as (
    select agent, unit, measure, later_id, earlier_id, statement, earlier_statement, confidence, revised_at
    from followed
    where earlier_id <> later_id and magnitude <> earlier_magnitude and abs(magnitude - earlier_magnitude) <= spread
    qualify row_number() over (partition by later_id, unit order by confidence desc, measure) = 1
)

select * from final
