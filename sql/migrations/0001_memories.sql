-- Creates public.memories with the columns of Codex 3.x and those that Codex Dreams adds. Extends a table made by Codex
-- in place.
create extension if not exists vector;

create table if not exists public.memories (
    id uuid primary key default gen_random_uuid(),
    content text not null,
    content_hash varchar(64) not null,
    context text not null,
    summary text not null,
    metadata jsonb default '{}',
    tags text[] default '{}',
    chunk_index integer,
    total_chunks integer,
    parent_id uuid default null,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

-- Codex 2.1 requires a fingerprint of the context and deduplicates on both columns: with its unique index, the same
-- content may occur twice. Codex 3 writes no fingerprint and upserts on content_hash alone.
do $$
declare
    has_fingerprint boolean := exists (
        select 1 from information_schema.columns
        where table_schema = 'public' and table_name = 'memories' and column_name = 'context_fingerprint'
    );
    deduplicates_on_both boolean := exists (
        select 1 from pg_indexes
        where schemaname = 'public' and tablename = 'memories'
            and indexdef ~ 'UNIQUE' and indexdef ~ 'content_hash' and indexdef ~ 'context_fingerprint'
    );
begin
    if has_fingerprint then
        alter table public.memories alter column context_fingerprint drop not null;
    end if;
    if deduplicates_on_both then
        create index if not exists memories_content_hash_idx on public.memories (content_hash);
    else
        create unique index if not exists memories_content_hash_key on public.memories (content_hash);
    end if;
end
$$;

create index if not exists memories_created_at_idx on public.memories (created_at desc);
create index if not exists memories_updated_at_idx on public.memories (updated_at desc);
create index if not exists memories_parent_id_idx on public.memories (parent_id) where parent_id is not null;

alter table public.memories
add column if not exists embedding_vector vector(768),
add column if not exists embedding_reduced vector(256),
add column if not exists vector_magnitude real,
add column if not exists semantic_cluster integer,
add column if not exists last_embedding_update timestamp,
add column if not exists embedding_model text,
add column if not exists tag_embedding vector(768),
add column if not exists tag_embedding_reduced vector(256),
add column if not exists tag_embedding_updated timestamp;

create index if not exists memories_without_embedding_idx on public.memories (id) where embedding_vector is null;
create index if not exists memories_tags_idx on public.memories using gin (tags);

comment on table public.memories is
'Every memory, verbatim. This is Codex''s own table; the columns that Codex Dreams adds come last.';
comment on column public.memories.content is 'The memory itself, exactly as given; no dream cycle changes it.';
comment on column public.memories.content_hash is 'SHA-256 of the content in hexadecimal; one row per content.';
comment on column public.memories.context is 'Where or why it was noted.';
comment on column public.memories.summary is 'A short gist given by whoever stored it; may be empty.';
comment on column public.memories.metadata is 'Anything else that the source knows: project, file, channel, place, people, agent. Codex never writes it.';
comment on column public.memories.chunk_index is 'Number of this chunk in its document, from 1; NULL when the memory is whole.';
comment on column public.memories.parent_id is 'The document that this chunk belongs to; NULL when the memory is whole.';
comment on column public.memories.embedding_vector is 'Unit vector of the content, zero-padded to 768; NULL until it has been embedded.';
comment on column public.memories.embedding_reduced is 'The same in 256 dimensions: a Matryoshka cut where the model allows it, else a versioned projection.';
comment on column public.memories.vector_magnitude is 'Length of the vector as the model gave it; 1 within 1e-4.';
comment on column public.memories.semantic_cluster is 'Its cluster in the last night''s communities (dreams.communities); NULL until it has one.';
comment on column public.memories.embedding_model is 'The model that made the vector; vectors of different models are never compared.';
