{#
    The vectors in Postgres, cast there to real[]: DuckDB has no pgvector, and reading them as text takes far longer. Of
    most models the second half of the column is zero, and need not be sent: whoever reads them fills it up.
    Of all memories, or of those whose ids are given.
#}
{% macro stored_vectors(memory_ids=none) -%}
    {%- set of_those = "" if memory_ids is none else "and id = any('{" ~ memory_ids | join(",") ~ "}'::uuid[])" -%}
    postgres_query('store', $$
        select
            id as memory_id, content_hash, embedding_model,
            case
                when subvector(embedding_vector, 385, 384) = array_fill(0::real, array[384])::vector(384)
                    then subvector(embedding_vector, 1, 384)::real[]
                else embedding_vector::real[]
            end as embedding
        from public.memories
        where embedding_vector is not null {{ of_those }}
    $$)
{%- endmacro %}

{# Which memories have a vector, of which content and model, and the transaction that wrote the row last. #}
{% macro stored_vector_writers() -%}
    postgres_query('store', $$
        select id as memory_id, content_hash, embedding_model, xmin::text as written_by from public.memories
        where embedding_vector is not null
    $$)
{%- endmacro %}

{# Vectors of a model have as many dimensions as the longest of them. #}
{% macro pad_vectors() -%}
    update {{ this }} as short set
        embedding = list_resize(short.embedding, whole.dimensions, 0),
        embedding_hash = hash(list_resize(short.embedding, whole.dimensions, 0))
    from (select embedding_model, max(len(embedding)) as dimensions from {{ this }} group by embedding_model) as whole
    where short.embedding_model = whole.embedding_model and len(short.embedding) < whole.dimensions
{%- endmacro %}
