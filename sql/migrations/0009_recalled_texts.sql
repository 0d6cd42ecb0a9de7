-- Creates a table of hashes of recalled texts, with which ingestion tells quotations in a transcript from new text.
create table if not exists dreams.recalled_texts (
    memory_id uuid not null,
    text_hash bytea not null,
    document_id uuid not null,
    opening bigint not null,
    characters integer not null,
    recalled_at timestamptz not null,
    primary key (memory_id, text_hash)
);
create index if not exists recalled_texts_opening_idx on dreams.recalled_texts (opening, characters);
create index if not exists recalled_texts_hash_idx on dreams.recalled_texts (text_hash);
create index if not exists recall_events_recalled_idx on dreams.recall_events (memory_id, occurred_at)
where kind in ('listed', 'opened', 'cited');

comment on table dreams.recalled_texts is
'Hashes of recalled texts. Ingestion writes them, and replaces such a text in a transcript with a citation. The hashes of a forgotten memory stay, as tombstones do, so that no transcript brings it back.';
comment on column dreams.recalled_texts.text_hash is 'SHA-256 of the text, ignoring white space, bullets and surrounding quotes.';
comment on column dreams.recalled_texts.document_id is 'The document that the memory is part of, or the memory itself; a document does not quote itself.';
comment on column dreams.recalled_texts.opening is 'CRC-32 of its first 40 characters, by which it is looked up.';
comment on column dreams.recalled_texts.characters is 'Its length.';
comment on column dreams.recalled_texts.recalled_at is 'When it was first recalled; only later texts can quote it.';

-- When a memory is edited, ingestion hashes its texts again, including earlier versions.
create or replace function dreams.on_recalled_text_edited() returns trigger language plpgsql as $$
begin
    delete from dreams.recalled_texts where document_id = coalesce(new.parent_id, new.id);
    return null;
end
$$;
comment on function dreams.on_recalled_text_edited is 'Makes ingestion read the recalled texts of an edited memory again.';

create or replace trigger memory_text_edited after update of content on public.memories
for each row when (old.content is distinct from new.content) execute function dreams.on_recalled_text_edited();
