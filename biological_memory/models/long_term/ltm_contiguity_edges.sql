-- One row per pair of items at most a few steps apart in an episode. Two associations, both weaker with distance, add
-- up: one of neighbours, stronger forward, and one of a shared context, symmetric (Kahana 1996; Howard & Kahana 2002).
{{ config(materialized='view') }}
with items as (
    select item_id, episode_id, position, occurred_at from {{ ref('stm_episode_items') }}
),

lags as (
    select unnest(range(1, {{ var('contiguity_lag') }} + 1)) as lag
),

-- Searches from the later item, so that a filter on created_at reads only the items it needs.
following as (
    select items.*, lags.lag, items.position - lags.lag as earlier_position
    from items
    inner join lags on true
),

weighed as (
    select
        *,
        power({{ var('contiguity_decay') }}, lag) as neighbourhood,
        {{ var('contiguity_context') }} * power(lag, -{{ var('activation_decay') }}) as shared_context
    from following
),

final as (
    select
        earlier.item_id as earlier_id,
        later.item_id as later_id,
        later.neighbourhood + later.shared_context as forward_weight,
        {{ var('contiguity_backward') }} * later.neighbourhood + later.shared_context as backward_weight,
        later.occurred_at as created_at
    from weighed as later
    inner join items as earlier
        on earlier.episode_id = later.episode_id and earlier.position = later.earlier_position
)

select * from final
