{#
    The vectors in Postgres, as it sends them: four bytes a number, the most significant first. As numbers they would take
    several times as long. Of most models the second half of the column is zero, and need not be sent.
    Of all memories, or of those whose ids are given.
#}
{% macro stored_vectors(memory_ids=none) -%}
    {%- set of_those = "" if memory_ids is none else "and id = any('{" ~ memory_ids | join(",") ~ "}'::uuid[])" -%}
    postgres_query('store', $$
        select
            id as memory_id, content_hash, embedding_model,
            -- Before the numbers a vector says how many there are.
            substring(vector_send(
                case
                    when subvector(embedding_vector, 385, 384) = array_fill(0::real, array[384])::vector(384)
                        then subvector(embedding_vector, 1, 384)
                    else embedding_vector
                end
            ) from 5) as embedding
        from public.memories
        where embedding_vector is not null {{ of_those }}
    $$)
{%- endmacro %}

{# Which memories have a vector, of which content and model, and when it was written. #}
{% macro stored_vector_writers() -%}
    postgres_query('store', $$
        select id as memory_id, content_hash, embedding_model, coalesce(last_embedding_update::text, '') as written_at
        from public.memories
        where embedding_vector is not null
    $$)
{%- endmacro %}
