-- One row per insight of the nights so far, with the memories it rests on.
with insights as (
    select * from {{ ref('ins_revision_insights') }}
    union all by name
    select * from {{ ref('ins_habit_insights') }}
    union all by name
    select * from {{ ref('ins_anomaly_insights') }}
    union all by name
    select * from {{ ref('ins_prediction_insights') }}
),

final as (
    select
        insight_id,
        agent,
        insight_type,
        cast(confidence_score as double) as confidence_score,
        insight_description,
        supporting_evidence,
        related_memories,
        prediction_due_at,
        validated,
        cast(validation_score as double) as validation_score,
        discovered_at,
        discovery_method
    from insights
)

select * from final
