-- One row per pair of concepts that share enough memories. Strength is normalised pointwise mutual information (Bouma
-- 2009), 0 at chance and 1 when neither comes without the other. A memory has few concepts, so pairs grow linearly.
with concepts as (
    select item_id, concept, max(created_at) as created_at from {{ ref('ltm_concepts') }}
    where place <= 10
    group by item_id, concept
),

totals as (
    select count(distinct item_id) as item_count from concepts
),

frequencies as (
    select concept, count(*) as item_count from concepts
    group by concept
),

pairs as (
    select
        a.concept as concept_a,
        b.concept as concept_b,
        count(*) as co_activation_count,
        max(a.created_at) as last_activation
    from concepts as a
    inner join concepts as b on b.item_id = a.item_id and b.concept > a.concept
    group by a.concept, b.concept
    having count(*) >= {{ var('concept_support') }}
),

final as (
    select
        pairs.concept_a,
        pairs.concept_b,
        pairs.co_activation_count,
        pairs.last_activation,
        case
            when pairs.co_activation_count = totals.item_count then 1.0
            -- Rounding carries pairs that are always together past 1.
            else least(
                ln(pairs.co_activation_count * totals.item_count / (a.item_count * b.item_count))
                / -ln(pairs.co_activation_count / totals.item_count), 1
            )
        end as association_strength
    from pairs
    inner join totals on true
    inner join frequencies as a on a.concept = pairs.concept_a
    inner join frequencies as b on b.concept = pairs.concept_b
)

select * from final
where association_strength > 0
