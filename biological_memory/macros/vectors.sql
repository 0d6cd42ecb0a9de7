{# The vectors in Postgres, cast there to real[]: DuckDB has no pgvector, and reading them as text takes far longer. #}
{% macro stored_vectors() -%}
    postgres_query('store', $$
        select id as memory_id, content_hash, embedding_model, embedding_vector::real[] as embedding
        from public.memories
        where embedding_vector is not null
    $$)
{%- endmacro %}
