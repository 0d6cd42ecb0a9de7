-- When a vector was written is noted by whoever writes it, Codex too: a cycle reads a vector again only then, and not
-- because something else of its row was written.
create or replace function dreams.before_vector_changed() returns trigger language plpgsql as $$
begin
    new.last_embedding_update := clock_timestamp() at time zone 'UTC';
    return new;
end
$$;

create or replace trigger memory_vector_changed before update of embedding_vector, embedding_model on public.memories
for each row when (
    old.embedding_vector is distinct from new.embedding_vector
    or old.embedding_model is distinct from new.embedding_model
) execute function dreams.before_vector_changed();

comment on function dreams.before_vector_changed is 'Notes when a memory''s vector was written, for the cycles that read it.';
