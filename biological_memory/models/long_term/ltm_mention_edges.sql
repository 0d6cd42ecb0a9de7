-- One row per pair of items of an agent where one names the title of the other. Ignores short titles, and titles that
-- many memories share.
{% set shortest_title = 4 %}
{% set memories_of_a_title = 5 %}
with items as (
    select item_id, agent, occurred_at from {{ ref('stm_episode_items') }}
),

memories as (
    select memory_id, title from {{ ref('stg_memories') }}
    where title is not null
),

phrases as (
    select * from {{ ref('ltm_name_phrases') }}
),

titled as (
    select items.*, {{ name_key("memories.title") }} as title
    from items
    inner join memories on items.item_id = memories.memory_id
),

titles as (
    select * from titled
    where length(title) >= {{ shortest_title }}
    qualify count(*) over (partition by agent, title) <= {{ memories_of_a_title }}
),

mentions as (
    select
        items.item_id,
        titles.item_id as titled_id,
        (items.occurred_at, items.item_id) > (titles.occurred_at, titles.item_id) as is_later,
        greatest(items.occurred_at, titles.occurred_at) as created_at
    from titles
    inner join phrases on titles.title = phrases.phrase
    inner join items on phrases.item_id = items.item_id and titles.agent = items.agent
    where titles.item_id <> items.item_id
),

weighed as (
    select
        if(is_later, titled_id, item_id) as earlier_id,
        if(is_later, item_id, titled_id) as later_id,
        -- The more items name a title, the less one mention means.
        1 / sqrt(count(*) over (partition by titled_id)) as weight,
        created_at
    from mentions
),

final as (
    select
        earlier_id,
        later_id,
        max(weight) as weight,
        cast(count(*) as integer) as mention_count,
        any_value(created_at) as created_at
    from weighed
    group by earlier_id, later_id
)

select * from final
