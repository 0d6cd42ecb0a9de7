-- One row per item and phrase that may name the title of another item: the entities of all its chunks, its own title,
-- and each run of two words or more within them.
{{ config(materialized='view') }}
{% set longest_phrase_words = 12 %}
with memories as (
    select memory_id, item_id, title from {{ ref('stg_memories') }}
),

annotations as (
    select memory_id, entities from {{ ref('stg_annotations') }}
),

entities as (
    select memory_id, unnest(entities) as entity from annotations
),

names as (
    select memories.item_id, {{ name_key("entities.entity.text") }} as name
    from entities
    inner join memories on entities.memory_id = memories.memory_id
    where entities.entity.kind not in ('quantity', 'time')
    union
    select item_id, {{ name_key("title") }} as name from memories
    where title is not null
),

starts as (
    select name, words, unnest(range(1, len(words) + 1)) as start
    from (select distinct name, string_split(name, ' ') as words from names) as split
),

spans as (
    select
        name, words, start,
        unnest(range(least(start + 1, len(words)), least(start + {{ longest_phrase_words }}, len(words) + 1))) as stop
    from starts
    where words[start] not in ('the', 'a', 'an')
),

phrases as (
    select name, array_to_string(words[start:stop], ' ') as phrase from spans
    where stop > start or len(words) = 1
),

final as (
    select distinct names.item_id, phrases.phrase
    from names
    inner join phrases on names.name = phrases.name
)

select * from final
