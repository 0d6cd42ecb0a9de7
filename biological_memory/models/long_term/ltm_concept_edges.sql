-- One row per pair of an agent's concepts that share enough memories. Strength is normalised pointwise mutual
-- information (Bouma 2009): 0 at chance, 1 if neither occurs without the other. The number of pairs grows linearly with
-- memories. Until the end, a hash of agent and name stands for a concept.
with meanings as (
    select memory_id, item_id, agent, created_at, concepts, concept_hashes from {{ ref('ltm_meanings') }}
),

named as (
    select memory_id, item_id, created_at, unnest(concept_hashes) as concept_hash from meanings
),

-- Most concepts occur once, and so cannot occur often enough with another.
recurring as (
    select concept_hash from named group by concept_hash having count(*) >= {{ var('concept_support') }}
),

concepts as (
    select item_id, concept_hash, max(memory_id) as memory_id, max(created_at) as created_at
    from named semi join recurring using (concept_hash)
    group by item_id, concept_hash
),

frequencies as (
    select concept_hash, max(memory_id) as memory_id, count(*) as item_count from concepts group by concept_hash
),

-- Rounded down to seven bits: every strength depends on this count, and would change with each new item.
totals as (
    select agent, item_count - item_count % (1 << greatest(length(bin(item_count)) - 7, 0)) as item_count
    from (
        select agent, count(distinct item_id) as item_count from meanings where len(concept_hashes) > 0 group by agent
    ) as counted
),

pairs as (
    select
        a.concept_hash as hash_a, b.concept_hash as hash_b,
        count(*) as co_activation_count, max(a.created_at) as last_activation
    from concepts as a inner join concepts as b on b.item_id = a.item_id and b.concept_hash > a.concept_hash
    group by a.concept_hash, b.concept_hash having count(*) >= {{ var('concept_support') }}
),

-- Looks up the name of each concept in one of its memories.
names as (
    select agent, concept_hash, item_count, concepts[list_position(concept_hashes, concept_hash)] as concept
    from frequencies inner join meanings using (memory_id)
    where concept_hash in (select unnest([hash_a, hash_b]) from pairs)
),

met as (
    select
        a.agent, least(a.concept, b.concept) as concept_a, greatest(a.concept, b.concept) as concept_b,
        pairs.co_activation_count, pairs.last_activation,
        a.item_count as count_a, b.item_count as count_b,
        greatest(totals.item_count, a.item_count, b.item_count) as item_count
    from pairs
    inner join names as a on pairs.hash_a = a.concept_hash
    inner join names as b on pairs.hash_b = b.concept_hash
    inner join totals on totals.agent = a.agent
),

final as (
    select
        agent, concept_a, concept_b, co_activation_count, last_activation,
        -- Rounded, because a new memory with a concept weakens all its other edges, by a negligible amount.
        round(
            case
                when co_activation_count = item_count then 1.0
                -- Floating-point error exceeds 1 for pairs that always occur together.
                else least(
                    ln(co_activation_count * item_count / (count_a * count_b)) / -ln(co_activation_count / item_count),
                    1
                )
            end,
            3
        ) as association_strength
    from met
)

select * from final where association_strength > 0
