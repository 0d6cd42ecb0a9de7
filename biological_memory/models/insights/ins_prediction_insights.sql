{% set times_the_base_rate = 2 %}
-- One row per predicted memory: its latest horizon and, once it is over, the outcome, as an insight. Leaves out
-- those that are hardly likelier to be needed than any other, and all while none has come true.
with predictions as (
    select * from {{ ref('ins_predictions') }}
    where hit_count > 0 and probability > {{ times_the_base_rate }} * base_rate
    qualify row_number() over (partition by item_id order by night desc) = 1
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
        json_object(
            'probability', round(predictions.probability, 6), 'base_rate', round(predictions.base_rate, 6),
            'night', predictions.night
        )
            as supporting_evidence,
        [predictions.item_id] as related_memories,
        predictions.due_at as prediction_due_at,
        predictions.validated,
        predictions.brier_score as validation_score,
        predictions.night_at as discovered_at,
        'need, calibrated on earlier nights' as discovery_method
    from predictions
    inner join meanings on meanings.memory_id = predictions.item_id
)

select * from final
