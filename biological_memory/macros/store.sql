{# Runs a query inside Postgres; DuckDB's own scan would transfer whole columns. #}
{% macro asked_of_store(question) -%}
    postgres_query('store', '{{ question | replace("'", "''") }}')
{%- endmacro %}

{# A list of texts as a Postgres array literal. #}
{% macro text_array(values) -%}
    {%- set quoted = [] -%}
    {%- for value in values -%}
        {%- do quoted.append('"' ~ (value | replace("\\", "\\\\") | replace('"', '\\"') | replace("'", "''")) ~ '"') -%}
    {%- endfor -%}
    '{ {{- quoted | join(",") -}} }'::text[]
{%- endmacro %}

{# A hash that identifies a vector and its content, for use inside Postgres. #}
{% macro vector_hash() -%}
    hash_record_extended(row(content_hash, embedding_model, last_embedding_update), 0)
{%- endmacro %}

{#
    Each memory's place in its document, and hashes of all that is read of it and of its vector. No text is transferred
    except the content hash of edited memories.
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

{# The memories with these ids. #}
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

{# A hash that identifies an annotation of a content. #}
{% macro annotation_fingerprint() -%}
    hash(content_hash, annotator, annotator_version, annotated_at)
{%- endmacro %}

{#
    The vectors of all memories, or of those with these ids, in Postgres's binary half precision: two bytes a number,
    most significant first. Reading them as numbers takes several times as long. The second half is left out if it is
    zero, as it is for most models.
#}
{% macro stored_vectors(memory_ids=none) -%}
    {{ asked_of_store("
        select
            memory_id, fingerprint, embedding_model,
            -- Skips the four bytes of header that hold the dimensions.
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
            -- Prevents inlining of the subquery, which would fetch a vector again for each use.
            offset 0
        ) as fetched
    ") }}
{%- endmacro %}
