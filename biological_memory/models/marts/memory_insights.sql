-- One row per insight of the nights so far; each names the memories it rests on.
with revisions as (
    select * from {{ ref('ins_revisions') }}
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

gists as (
    select memory_id, agent, gist from {{ ref('ltm_gists') }}
),

from_revisions as (
    select
        revisions.revision_type || ':' || revisions.later_id as insight_id,
        later.agent,
        revisions.revision_type as insight_type,
        revisions.cosine_similarity as confidence_score,
        'Now: ' || later.gist || ' Before: ' || earlier.gist as insight_description,
        json_object('cosine_similarity', revisions.cosine_similarity, 'valid_until', revisions.revised_at)
            as supporting_evidence,
        [revisions.later_id, revisions.earlier_id] as related_memories,
        revisions.revised_at as discovered_at,
        if(revisions.revision_type = 'supersession', 'cue of change near the same statement',
        'other quantities in nearly the same statement') as discovery_method
    from revisions
    inner join gists as later on later.memory_id = revisions.later_id
    inner join gists as earlier on earlier.memory_id = revisions.earlier_id
    inner join nights on nights.agent = later.agent and revisions.revised_at < nights.night_at
),

from_habits as (
    select
        'pattern:' || agent || ':' || rhythm || ':' || concept as insight_id,
        agent,
        'pattern' as insight_type,
        confidence as confidence_score,
        format(
            '{} comes up {}: {} of {} memories, on {} different days.', concept,
            if(rhythm = 'weekday', 'on ' || slot || 's', 'around ' || slot || ':00'),
            slot_count, total_count, date_count
        ) as insight_description,
        json_object('lift', round(lift, 3), 'days', date_count) as supporting_evidence,
        memory_ids as related_memories,
        night_at as discovered_at,
        'share of a weekday or hour beside that of all memories' as discovery_method
    from {{ ref('ins_habits') }}
),

from_anomalies as (
    select
        'anomaly:' || anomalies.memory_id as insight_id,
        anomalies.agent,
        'anomaly' as insight_type,
        1 - exp(-anomalies.deviations / 2) as confidence_score,
        'Unlike anything before: ' || gists.gist as insight_description,
        json_object(
            'nearest_similarity', anomalies.nearest_similarity, 'usual_similarity', round(anomalies.usual_similarity, 6)
        ) as supporting_evidence,
        [anomalies.memory_id] as related_memories,
        anomalies.created_at as discovered_at,
        'similarity to the nearest earlier memory' as discovery_method
    from {{ ref('ins_anomalies') }} as anomalies
    inner join gists using (memory_id)
),

from_predictions as (
    select
        'prediction:' || predictions.night || ':' || predictions.item_id as insight_id,
        predictions.agent,
        'prediction' as insight_type,
        predictions.probability as confidence_score,
        'Likely to be needed within {{ var("prediction_horizon_days") }} days: ' || gists.gist as insight_description,
        json_object('probability', round(predictions.probability, 6), 'night', predictions.night) as supporting_evidence,
        [predictions.item_id] as related_memories,
        predictions.due_at as prediction_due_at,
        predictions.validated,
        predictions.brier_score as validation_score,
        predictions.night_at as discovered_at,
        'recall odds, calibrated on earlier nights' as discovery_method
    from {{ ref('ins_predictions') }} as predictions
    inner join gists on gists.memory_id = predictions.item_id
),

insights as (
    select * from from_revisions
    union all by name
    select * from from_habits
    union all by name
    select * from from_anomalies
    union all by name
    select * from from_predictions
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
