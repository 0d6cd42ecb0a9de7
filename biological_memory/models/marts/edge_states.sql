-- One row per pair of memories and type of edge; the smaller id comes first, so that each pair occurs once.
{{ config(materialized='view') }}
with edges as (
    select * from {{ by_name(ref('ltm_edges')) }}
),

final as (
    select
        memory_a,
        memory_b,
        edge_type,
        forward_weight,
        backward_weight,
        evidence_count,
        first_at,
        last_at,
        scaled_through
    from edges
)

select * from final
