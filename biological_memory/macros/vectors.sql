{#
    The vectors in Postgres, cast there to real[]: DuckDB has no pgvector, and reading them as text takes far longer. Of
    most models the second half of the column is zero, and need not be sent: whoever reads them fills it up.
#}
{% macro stored_vectors() -%}
    postgres_query('store', $$
        select
            id as memory_id, content_hash, embedding_model,
            case
                when subvector(embedding_vector, 385, 384) = array_fill(0::real, array[384])::vector(384)
                    then subvector(embedding_vector, 1, 384)::real[]
                else embedding_vector::real[]
            end as embedding
        from public.memories
        where embedding_vector is not null
    $$)
{%- endmacro %}
