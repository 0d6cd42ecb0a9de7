"""The tables and statements of Codex 2 and 3, as those programs make them."""

from memories.documents.write import content_hash

CODEX_3_TABLE = """
create table memories (
    id uuid primary key default gen_random_uuid(), content text not null, content_hash varchar(64) not null,
    context text not null, summary text not null, metadata jsonb default '{}', tags text[] default '{}',
    chunk_index integer, total_chunks integer, parent_id uuid default null,
    created_at timestamptz default now(), updated_at timestamptz default now()
);
create unique index idx_memories_content_hash on memories (content_hash);
create index idx_memories_created_at on memories (created_at desc);
"""
CODEX_3_INDEXES = """
create unique index if not exists {prefix}_content_hash on memories (content_hash);
create index if not exists {prefix}_created_at on memories (created_at desc);
create index if not exists {prefix}_updated_at on memories (updated_at desc);
create index if not exists {prefix}_parent_id on memories (parent_id) where parent_id is not null;
"""
CODEX_2_TABLE = """
create table memories (
    id uuid primary key default gen_random_uuid(), content text not null, content_hash varchar(64) not null,
    context_fingerprint varchar(64) not null, context text not null, summary text not null,
    metadata jsonb default '{}', tags text[] default '{}', chunk_index integer, total_chunks integer,
    parent_id uuid default null, created_at timestamptz default now(), updated_at timestamptz default now()
);
create unique index idx_memories_content_context on memories (content_hash, context_fingerprint);
"""
CODEX_2_UPSERT = """
insert into memories (id, content, content_hash, context_fingerprint, tags, context, summary, created_at, updated_at)
values (gen_random_uuid(), %(content)s, %(hash)s, %(fingerprint)s, %(tags)s, %(context)s, %(summary)s, now(), now())
on conflict (content_hash, context_fingerprint) do update set
    summary = excluded.summary, tags = excluded.tags, updated_at = excluded.updated_at
returning id
"""


def values(content: str, context: str = "a walk", **more: object) -> dict[str, object]:
    return {
        "content": content, "hash": content_hash(content), "tags": ["sea"], "context": context, "summary": "s",
        "fingerprint": content_hash(context), **more,
    }  # fmt: skip
