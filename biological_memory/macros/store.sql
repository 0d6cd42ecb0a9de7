{# What Postgres answers to a question in its own words: DuckDB by itself would have whole columns sent. #}
{% macro asked_of_store(question) -%}
    postgres_query('store', '{{ question | replace("'", "''") }}')
{%- endmacro %}

{# Texts as Postgres reads an array of them. #}
{% macro text_array(values) -%}
    {%- set quoted = [] -%}
    {%- for value in values -%}
        {%- do quoted.append('"' ~ (value | replace("\\", "\\\\") | replace('"', '\\"') | replace("'", "''")) ~ '"') -%}
    {%- endfor -%}
    '{ {{- quoted | join(",") -}} }'::text[]
{%- endmacro %}

{# Which vector of which content it is, in Postgres' words. #}
{% macro vector_hash() -%}
    hash_record_extended(row(content_hash, embedding_model, last_embedding_update), 0)
{%- endmacro %}

{#
    Where each memory stands in its document, and hashes of all that is read of it and of which vector it has: no text need
    be sent, but for which content it now has where it had others.
#}
{% macro stored_memory_hashes() -%}
    {{ asked_of_store("
        select
            id as memory_id, parent_id, chunk_index,
            hash_record_extended(row(content, content_hash, context, summary, tags, metadata), 0) as stored_hash,
            case
                when embedding_vector is not null
                    then " ~ vector_hash() ~ "
            end as vector_hash,
            case when id in (select memory_id from dreams.memory_versions) then content_hash end as edited_content_hash,
            dreams.agent_of(metadata) as agent,
            exists (
                select from unnest(tags) as tag, unnest(" ~ text_array(var("excluded_tags")) ~ ") as excluded
                where starts_with(lower(btrim(tag, '#/ ')) || '/', lower(btrim(excluded, '#/ ')) || '/')
            ) as is_excluded
        from public.memories
    ") }}
{%- endmacro %}

{# The memories of these ids. #}
{% macro stored_memories(memory_ids) -%}
    {{ asked_of_store(
        "select id, content, content_hash, context, summary, tags, metadata from public.memories"
        ~ " where id = any('{" ~ memory_ids | join(",") ~ "}'::uuid[])"
    ) }}
{%- endmacro %}

{# The annotations of contents with these hashes. #}
{% macro stored_annotations(content_hashes) -%}
    {{ asked_of_store(
        "select * from dreams.annotations where content_hash = any(" ~ text_array(content_hashes) ~ ")"
    ) }}
{%- endmacro %}

{# Which annotation of a content it is. #}
{% macro annotation_fingerprint() -%}
    hash(content_hash, annotator, annotator_version, annotated_at)
{%- endmacro %}

{#
    The vectors in Postgres, as it sends them in half precision: two bytes a number, the most significant first. As numbers
    they would take several times as long. Of most models the second half of the column is zero, and need not be sent.
    Of all memories, or of those whose ids are given.
#}
{% macro stored_vectors(memory_ids=none) -%}
    {{ asked_of_store("
        select
            memory_id, fingerprint, embedding_model,
            -- Before the numbers a vector says how many there are.
            substring(halfvec_send(
                case
                    when subvector(vector, 385, 384) = array_fill(0::real, array[384])::halfvec(384)
                        then subvector(vector, 1, 384)
                    else vector
                end
            ) from 5) as embedding
        from (
            select
                id as memory_id, " ~ vector_hash() ~ " as fingerprint, embedding_model,
                embedding_vector::halfvec as vector
            from public.memories
            where embedding_vector is not null
    " ~ ("" if memory_ids is none else "and id = any('{" ~ memory_ids | join(",") ~ "}'::uuid[])") ~ "
            -- A query of its own: a vector would be fetched anew wherever it is named.
            offset 0
        ) as fetched
    ") }}
{%- endmacro %}
