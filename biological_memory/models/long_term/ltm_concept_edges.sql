-- One row per pair of concepts that share enough memories. Strength is normalised pointwise mutual information (Bouma
-- 2009), 0 at chance and 1 when neither comes without the other. A memory has few concepts, so pairs grow linearly.
-- Pairs are counted by the hashes of their names, in a third of the time.
with named as (
    select item_id, hash(concept) as concept_hash, concept, created_at
    from {{ ref('ltm_concepts') }} where place <= 10
),

-- Most concepts come up once: none of these is met often enough with another.
recurring as (
    select concept_hash from named group by concept_hash
    having count(*) >= {{ var('concept_support') }}
),

concepts as (
    select item_id, concept_hash, any_value(concept) as concept, max(created_at) as created_at
    from named
    semi join recurring using (concept_hash)
    group by item_id, concept_hash
),

counted as (
    select count(distinct item_id) as item_count, length(bin(count(distinct item_id))) as bits from named
),

-- In seven bits: each strength rests on how many items there are, and with each new one all strengths would change.
totals as (
    select item_count - item_count % (1 << greatest(bits - 7, 0)) as item_count from counted
),

frequencies as (
    select concept_hash, any_value(concept) as concept, count(*) as item_count
    from concepts group by concept_hash
),

pairs as (
    select
        a.concept_hash as hash_a,
        b.concept_hash as hash_b,
        count(*) as co_activation_count,
        max(a.created_at) as last_activation
    from concepts as a inner join concepts as b on b.item_id = a.item_id and b.concept_hash > a.concept_hash
    group by a.concept_hash, b.concept_hash
    having count(*) >= {{ var('concept_support') }}
),

met as (
    select
        least(a.concept, b.concept) as concept_a,
        greatest(a.concept, b.concept) as concept_b,
        pairs.co_activation_count,
        pairs.last_activation,
        a.item_count as count_a,
        b.item_count as count_b,
        greatest(totals.item_count, a.item_count, b.item_count) as item_count
    from pairs
    inner join totals on true
    inner join frequencies as a on a.concept_hash = pairs.hash_a
    inner join frequencies as b on b.concept_hash = pairs.hash_b
),

final as (
    select
        concept_a,
        concept_b,
        co_activation_count,
        last_activation,
        case
            when co_activation_count = item_count then 1.0
            -- Rounding carries pairs that are always together past 1.
            else least(
                ln(co_activation_count * item_count / (count_a * count_b)) / -ln(co_activation_count / item_count), 1
            )
        end as association_strength
    from met
)

select * from final
where association_strength > 0
