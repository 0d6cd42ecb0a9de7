-- A model reads some 250 tokens of a text. A longer content has a vector for each of its passages; its own is their mean.
create table if not exists dreams.passages (
    memory_id uuid not null,
    number integer not null,
    from_character integer not null,
    to_character integer not null,
    embedding_model text not null,
    embedding halfvec(768) not null,
    primary key (memory_id, number)
);
create index if not exists passages_embedding_idx on dreams.passages
using hnsw (embedding halfvec_cosine_ops) with (ef_construction = 200);

comment on table dreams.passages is
'The passages of contents that are longer than a model reads at once, each with its vector. A shorter content is one passage and has no row here.';
comment on column dreams.passages.memory_id is 'The row of public.memories.';
comment on column dreams.passages.number is 'Its place in the content, from 1.';
comment on column dreams.passages.from_character is 'Where it begins in the content, from 0.';
comment on column dreams.passages.to_character is 'Where it ends in the content: the first character after it.';
comment on column dreams.passages.embedding_model is 'The model that made the vector.';
comment on column dreams.passages.embedding is 'Unit vector of the passage, zero-padded to 768 dimensions.';

-- Changed content has neither vector nor passages until it is embedded again.
create or replace function dreams.before_content_changed() returns trigger language plpgsql as $$
begin
    new.embedding_vector := null;
    new.embedding_reduced := null;
    new.vector_magnitude := null;
    new.embedding_model := null;
    new.last_embedding_update := null;
    delete from dreams.passages where memory_id = new.id;
    return new;
end
$$;

create or replace function dreams.forget_copies(gone uuid[], documents uuid[]) returns void language plpgsql as $$
begin
    delete from dreams.recall_events where memory_id = any(gone);
    delete from dreams.embedding_failures where memory_id = any(gone);
    delete from dreams.passages where memory_id = any(gone);
    delete from dreams.attention_slots where memory_id = any(gone);
    delete from dreams.memory_insights where related_memories && gone;
    delete from dreams.cycle_changes where before is not null and memory_ids && gone;
    perform dreams.forget_concepts(gone);
    perform dreams.forget_among_neighbours(gone, documents);
    perform dreams.forget_in_episodes(gone);
end
$$;
