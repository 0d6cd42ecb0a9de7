-- Records when a vector is written, even if Codex writes it: a cycle rereads a vector only then, and not when other
-- columns of its row change.
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
