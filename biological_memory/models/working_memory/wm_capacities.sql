-- One row per agent and window of attention: how many slots it has, after interference among the items offered.
-- The mean cosine similarity of n unit vectors is (|sum|^2 - n) / (n (n - 1)): linear in n, no pairs are formed.
with activations as (
    select agent, window_start, item_id from {{ ref('wm_activations') }}
),

embeddings as (
    select memory_id as item_id, embedding from {{ ref('stg_embeddings') }}
),

windows as (
    select agent, window_start, count(*) as offered_count
    from activations
    group by agent, window_start
),

-- Up to five items always fit, whatever they are.
crowded as (
    select activations.agent, activations.window_start, activations.item_id
    from activations
    inner join windows using (agent, window_start)
    where windows.offered_count > 5
),

crowding as (
    select * from embeddings
    where item_id in (select item_id from crowded)
),

components as (
    select
        crowded.agent,
        crowded.window_start,
        unnest(crowding.embedding) as component,
        generate_subscripts(crowding.embedding, 1) as dimension
    from crowded
    inner join crowding using (item_id)
),

resultants as (
    select
        agent,
        window_start,
        {{ exact_sum('total * total') }} as squared_length,
        any_value(embedded_count) as embedded_count
    from (
        select agent, window_start, dimension, {{ exact_sum('component') }} as total, count(*) as embedded_count
        from components
        group by agent, window_start, dimension
    ) as sums
    group by agent, window_start
),

similarities as (
    select
        agent,
        window_start,
        (squared_length - embedded_count) / (embedded_count * (embedded_count - 1)) as mean_cosine_similarity
    from resultants
    where embedded_count > 1
),

final as (
    select
        windows.agent,
        windows.window_start,
        windows.offered_count,
        similarities.mean_cosine_similarity,
        cast(least(greatest(round(
            {{ var('working_memory_capacity') }} + coalesce(
                2 * (1 - similarities.mean_cosine_similarity / {{ var('interference_similarity') }}), 0
            )
        ), 5), 9) as integer) as slot_capacity
    from windows
    left join similarities using (agent, window_start)
)

select * from final
