{# A list of texts as a SQL literal. #}
{% macro texts(values) -%}
    cast([{% for value in values %}'{{ value | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor %}] as varchar[])
{%- endmacro %}

{# The texts, in lower case, of the entities e in a list that meet a condition. #}
{% macro entity_texts(entities, condition) -%}
    list_transform(list_filter({{ entities }}, lambda e: {{ condition }}), lambda e: lower(e.text))
{%- endmacro %}

{# The distinct numbers in a text that are no part of its quantities, which are texts in a list. #}
{% macro numbers_beside(content, quantities) -%}
    list_filter(
        list_distinct(regexp_extract_all({{ content }}, '\d+')),
        lambda number: not contains(array_to_string({{ quantities }}, ' '), number)
    )
{%- endmacro %}

{# The number in a text, where a comma or blank before three digits separates thousands; NULL without one. #}
{% macro number_of(text) -%}
    try_cast(replace(
        regexp_replace(regexp_extract({{ text }}, '\d(?:[\d,.\x{A0}\x{202F} ]*\d)?'), '[,\x{A0}\x{202F} ](\d{3})', '\1', 'g'), ',', '.'
    ) as double)
{%- endmacro %}

{# The distinct words of a text in lower case; of scripts without spaces, the characters. #}
{% macro distinct_words(text) -%}
    list_distinct(regexp_extract_all(
        lower({{ text }}), '[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]|[\pL\pM]+'
    ))
{%- endmacro %}

{# How strong a feeling is, 0 to 1; an unknown one counts as an average one, so that no language weighs less. #}
{% macro emotional_salience(sentiment) -%}
    coalesce(abs({{ sentiment }}), {{ var('unknown_salience') }})
{%- endmacro %}

{# A list of the text at a key of the metadata, empty where there is none or something else. #}
{% macro text_at(key) -%}
    if(json_type(metadata, '$.{{ key }}') = 'VARCHAR', [metadata ->> '{{ key }}'], [])
{%- endmacro %}

{# The agent that a memory with this metadata belongs to, as in dreams.agent_of. #}
{% macro agent_of(metadata) -%}
    coalesce(nullif({{ metadata }} ->> 'agent', ''), 'default')
{%- endmacro %}

{# Whether a list of tags has one of these or one nested in them, in any case, as in dreams.tag_paths. #}
{% macro has_tag(tags, wanted) -%}
    list_bool_or(
        list_transform({{ tags }}, lambda tag: list_bool_or(list_transform({{ texts(wanted) }}, lambda one: starts_with(
            concat(lower(trim(tag, '#/ ')), '/'), concat(lower(trim(one, '#/ ')), '/')
        ))))
    )
{%- endmacro %}
