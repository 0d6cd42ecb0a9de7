-- One row per anomaly: the memory that was unlike anything before it, as an insight.
with anomalies as (
    select * from {{ ref('ins_anomalies') }}
),

meanings as (
    select memory_id, gist from {{ ref('ltm_meanings') }}
),

final as (
    select
        'anomaly:' || anomalies.memory_id as insight_id,
        anomalies.agent,
        'anomaly' as insight_type,
        1 - exp(-anomalies.deviations / 2) as confidence_score,
        'Unlike anything before: ' || meanings.gist as insight_description,
        json_object(
            'nearest_similarity', anomalies.nearest_similarity, 'usual_similarity', round(anomalies.usual_similarity, 6)
        ) as supporting_evidence,
        [anomalies.memory_id] as related_memories,
        anomalies.created_at as discovered_at,
        'similarity to the nearest earlier memory' as discovery_method
    from anomalies
    inner join meanings using (memory_id)
)

select * from final
