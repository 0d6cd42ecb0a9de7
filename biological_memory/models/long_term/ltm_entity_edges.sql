-- One row per pair of items that name the same entities. Each item is linked to the latest earlier ones that name an
-- entity; the rarer the entity, the stronger the link.
with annotations as (
    select memory_id, entities from {{ ref('stg_annotations') }}
),

items as (
    select item_id, agent, occurred_at from {{ ref('stm_episode_items') }}
),

mentions as (
    select distinct items.agent, items.item_id, items.occurred_at, lower(entity.text) as entity
    from (select memory_id, unnest(entities) as entity from annotations) as named
    inner join items on items.item_id = named.memory_id
    where named.entity.kind not in ('quantity', 'time')
),

numbered as (
    select
        *,
        row_number() over (partition by agent, entity order by occurred_at, item_id) as mention_number
    from mentions
),

lags as (
    select unnest(range(1, {{ var('entity_neighbours') }} + 1)) as lag
),

looking_back as (
    select numbered.*, numbered.mention_number - lags.lag as earlier_number
    from numbered
    inner join lags on true
),

final as (
    select
        earlier.item_id as earlier_id,
        later.item_id as later_id,
        -- In a fixed order, because the last digits of a product of doubles depend on it.
        1 - product(1 - 1 / (1 + ln(1 + later.mention_number)) order by later.entity) as weight,
        cast(count(*) as integer) as entity_count,
        any_value(later.occurred_at) as created_at
    from looking_back as later
    inner join numbered as earlier
        on
            earlier.agent = later.agent
            and earlier.entity = later.entity
            and earlier.mention_number = later.earlier_number
    group by earlier.item_id, later.item_id
)

select * from final
