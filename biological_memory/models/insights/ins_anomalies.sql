{% set most_surprising = 20 %}
{% set latest = 2000 %}
{% set letters_share = 0.75 %}
{% set known_share = 0.5 %}
-- One row per memory unlike anything before it: the agent's few farthest that are prose, mostly letters (a log or code
-- is not), in words that the agent's other memories know (another language has hardly one of them).
with candidates as (
    select * from {{ ref('ins_anomaly_candidates') }}
),

memories as (
    select memory_id, agent, created_at, left(content, 2000) as content from {{ ref('stg_memories') }}
),

nights as (
    select agent, night_at from {{ ref('ltm_nights') }}
    where is_last
),

prose as (
    select candidates.memory_id, candidates.agent, {{ distinct_words('memories.content') }} as words
    from candidates
    inner join memories using (memory_id)
    where
        length(regexp_replace(memories.content, '[^\pL\pM]', '', 'g'))
        >= {{ letters_share }} * length(regexp_replace(memories.content, '\s', '', 'g'))
),

recent as (
    select agent, memory_id, unnest({{ distinct_words('content') }}) as word
    from (
        select memories.* from memories
        inner join nights on nights.agent = memories.agent and memories.created_at < nights.night_at
        qualify row_number() over (
            partition by memories.agent order by memories.created_at desc, memories.memory_id
        ) <= {{ latest }}
    ) as few
),

-- In how many memories a word is, and one of these: a word that only the memory itself has is not known.
vocabulary as (
    select agent, word, count(*) as memory_count, min(memory_id) as memory_id from recent group by agent, word
),

asked as (
    select memory_id, agent, len(words) as word_count, unnest(words) as word from prose
),

known as (
    select asked.memory_id
    from asked
    left join vocabulary
        on
            vocabulary.agent = asked.agent and vocabulary.word = asked.word
            and (vocabulary.memory_count > 1 or vocabulary.memory_id <> asked.memory_id)
    group by asked.memory_id, asked.word_count
    having count(vocabulary.word) >= {{ known_share }} * asked.word_count
),

final as (
    select
        memory_id, agent, created_at, nearest_similarity, earlier_count, usual_similarity, usual_deviation, deviations
    from candidates
    semi join known using (memory_id)
    qualify row_number() over (partition by agent order by deviations desc, memory_id) <= {{ most_surprising }}
)

select * from final
