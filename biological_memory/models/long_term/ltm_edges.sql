-- One row per pair of memories and type of edge; the smaller id comes first, so that each pair occurs once. Incremental
-- by the day on which an edge began; write-back also finds the edges to publish by day.
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook=[
        "{{ put_by_stale_parts(ref('ltm_edge_inputs')) }}", "{{ drop_stale_parts(ref('ltm_edge_inputs')) }}"
    ]
) }}
{% set missing = missing_days(ref('ltm_edge_inputs')) %}

with days as (
    select day, fingerprint from {{ ref('ltm_edge_inputs') }}
),

directed as (
    select
        earlier_id, later_id, 'semantic' as edge_type, cosine_similarity as forward_weight,
        cosine_similarity as backward_weight, 1 as evidence_count, created_at as first_at, created_at as last_at,
        cast(null as date) as scaled_through
    from {{ ref('ltm_semantic_edges') }} where {{ lies_on(missing, 'created_at') }}
    union all by name
    select
        earlier_id, later_id, 'temporal' as edge_type, forward_weight, backward_weight, 1 as evidence_count,
        created_at as first_at, created_at as last_at
    from {{ ref('ltm_contiguity_edges') }} where {{ lies_on(missing, 'created_at') }}
    union all by name
    select
        earlier_id, later_id, 'entity' as edge_type, weight as forward_weight, weight as backward_weight,
        entity_count as evidence_count, created_at as first_at, created_at as last_at
    from {{ ref('ltm_entity_edges') }} where {{ lies_on(missing, 'created_at') }}
    union all by name
    select
        earlier_id, later_id, 'mention' as edge_type, weight as forward_weight, weight as backward_weight,
        mention_count as evidence_count, created_at as first_at, created_at as last_at
    from {{ ref('ltm_mention_edges') }} where {{ lies_on(missing, 'created_at') }}
    union all by name
    select
        memory_a as earlier_id, memory_b as later_id, 'hebbian' as edge_type, weight as forward_weight,
        weight as backward_weight, evidence_count, first_at, last_at, scaled_through
    from {{ ref('con_hebbian_edges') }} where {{ lies_on(missing, 'first_at') }}
),

final as (
    select
        least(earlier_id, later_id) as memory_a,
        greatest(earlier_id, later_id) as memory_b,
        edge_type,
        cast(if(earlier_id < later_id, forward_weight, backward_weight) as double) as forward_weight,
        cast(if(earlier_id < later_id, backward_weight, forward_weight) as double) as backward_weight,
        cast(evidence_count as integer) as evidence_count,
        first_at,
        last_at,
        scaled_through,
        days.fingerprint
    from directed
    inner join days on {{ day_number('directed.first_at') }} = days.day
)

select * from final
