-- One row per memory: the quantities in its beginning, each with its unit, value, and the words before it, as written.
-- Units are signs of currencies, signs of shares and degrees, and abbreviations that languages share.
{% set most_characters = 20000 %}
{% set words_before = 10 %}
{% set number = '\d{1,3}(?:[,\\x{A0}\\x{202F} ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?' %}
{% set sign = '[€$£¥₹₽]' %}
{% set unit = '(?:[%‰€₽]|°[CF]?|(?:kg|g|km|cm|mm|m|l|kWh|ms|[kMG]B|kr|SEK|EUR|USD|GBP)\\b)' %}
{% set other_token = "\\pN[\\pN.,:/-]*|\\pL[\\pL\\pM''’-]*|[.!?…;:。！？；\\n]" %}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ drop_stale(ref('stg_memory_inputs'), 'memory_id') }}"
) }}
with inputs as (
    select memory_id, fingerprint from {{ ref('stg_memory_inputs') }}
    {{ where_missing('memory_id') }}
),

memories as (
    select memory_id, left(content, {{ most_characters }}) as content from {{ ref('stg_memories') }}
),

-- Words, quantities, other numbers, and the ends of sentences.
read as (
    select
        inputs.*,
        if(
            regexp_matches(memories.content, '{{ sign }}\s?\d|\d\s?{{ unit }}'),
            regexp_extract_all(
                memories.content,
                '{{ sign }}\s?(?:{{ number }})|(?:{{ number }})\s?{{ unit }}|{{ other_token }}'
            ),
            []
        ) as tokens
    from inputs
    inner join memories using (memory_id)
),

final as (
    select
        memory_id,
        fingerprint,
        list_transform(
            list_filter(
                range(1, len(tokens) + 1),
                lambda place: regexp_matches(tokens[place], '^(?:{{ sign }}\s?\d.*|\d.*{{ unit }})$')
            ),
            lambda place: struct_pack(
                unit := regexp_extract(tokens[place], '^{{ sign }}|{{ unit }}$'),
                value := {{ number_of('tokens[place]') }},
                written := tokens[place],
                words := string_split(regexp_extract(
                    array_to_string(tokens[greatest(place - {{ words_before }}, 1):place - 1], chr(10)),
                    '(?:^|\n)((?:\pL[^\n]*\n?)*)$', 1
                ), chr(10))
            )
        ) as quantities
    from read
)

select * from final
