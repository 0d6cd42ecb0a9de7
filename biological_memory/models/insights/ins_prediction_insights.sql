-- One row per prediction: the memory likely to be needed, and the outcome, as an insight.
with predictions as (
    select * from {{ ref('ins_predictions') }}
),

meanings as (
    select memory_id, gist from {{ ref('ltm_meanings') }}
),

final as (
    select
        'prediction:' || predictions.night || ':' || predictions.item_id as insight_id,
        predictions.agent,
        'prediction' as insight_type,
        predictions.probability as confidence_score,
        'Likely to be needed within {{ var("prediction_horizon_days") }} days: ' || meanings.gist
            as insight_description,
        json_object('probability', round(predictions.probability, 6), 'night', predictions.night)
            as supporting_evidence,
        [predictions.item_id] as related_memories,
        predictions.due_at as prediction_due_at,
        predictions.validated,
        predictions.brier_score as validation_score,
        predictions.night_at as discovered_at,
        'recall odds, calibrated on earlier nights' as discovery_method
    from predictions
    inner join meanings on meanings.memory_id = predictions.item_id
)

select * from final
