-- One row per agent, pair of its concepts and kind of association: occurring together, or joined by the strongest path
-- over a third.
with edges as (
    select * from {{ ref('ltm_concept_edges') }}
),

both_ways as (
    select agent, concept_a as concept, concept_b as other, association_strength, co_activation_count, last_activation
    from edges
    union all
    select agent, concept_b, concept_a, association_strength, co_activation_count, last_activation
    from edges
),

-- Paths use only each concept's five strongest associations, so that their number grows linearly.
strongest as (
    select * from both_ways
    qualify row_number() over (
        partition by agent, concept order by association_strength desc, co_activation_count desc, other
    ) <= 5
),

paths as (
    select
        a.agent,
        a.other as concept_a,
        b.other as concept_b,
        a.concept as via,
        a.association_strength * b.association_strength as association_strength,
        least(a.co_activation_count, b.co_activation_count) as co_activation_count,
        least(a.last_activation, b.last_activation) as last_activation
    from strongest as a
    inner join strongest as b on b.agent = a.agent and b.concept = a.concept and b.other > a.other
    qualify row_number() over (
        partition by a.agent, a.other, b.other
        order by a.association_strength * b.association_strength desc, a.concept
    ) = 1
),

indirect as (
    select paths.* from paths
    anti join edges using (agent, concept_a, concept_b)
),

associations as (
    select *, 'co_occurrence' as association_type, 1 as path_length, cast(null as varchar) as via from edges
    union all by name
    select *, 'path' as association_type, 2 as path_length from indirect
),

final as (
    select
        agent,
        concept_a,
        concept_b,
        association_type,
        cast(association_strength as double) as association_strength,
        cast(co_activation_count as integer) as co_activation_count,
        last_activation,
        association_strength * ln(1 + co_activation_count) as edge_weight,
        true as bidirectional,
        path_length,
        via
    from associations
)

select * from final
