-- Makes deletion complete: removes a deleted memory from the records of other memories, from those of several memories
-- together, and from earlier versions of its document.

-- Deferrable, so that memories can swap slots in one statement: checked at its end, not row by row.
alter table dreams.attention_slots drop constraint if exists attention_slots_memory_id_snapshot_id_key;
alter table dreams.attention_slots add constraint attention_slots_memory_id_snapshot_id_key
unique (memory_id, snapshot_id) deferrable initially immediate;

alter table dreams.memory_versions add column if not exists document_id uuid;
create index if not exists memory_versions_document_idx on dreams.memory_versions (document_id)
where document_id is not null;
create index if not exists memory_versions_hash_idx on dreams.memory_versions (content_hash);
comment on column dreams.memory_versions.document_id is
'For a chunk that its document lost when it became shorter: the first chunk of that document, with which this version is deleted.';

create or replace function dreams.fingerprints(texts text[]) returns integer[]
language sql immutable strict parallel safe as $$
    select array(select ('x' || left(md5(t), 8))::bit(32)::integer from unnest(texts) as t)
$$;
comment on function dreams.fingerprints is 'A number for each text, since an index cannot hold long texts.';

create index if not exists memory_states_concepts_idx on dreams.memory_states using gin (dreams.fingerprints(concepts));

create table if not exists dreams.forgotten (
    memory_id uuid primary key,
    forgotten_at timestamptz not null default clock_timestamp()
);
comment on table dreams.forgotten is
'Memories deleted since the last whole cycle; the next one removes them from the history of cycles and from the caches.';

create or replace function dreams.hold_what_was_dreamt() returns void language sql as $$
    select pg_advisory_xact_lock(hashtextextended('codex-dreams what was dreamt', 0))
$$;
comment on function dreams.hold_what_was_dreamt is
'Makes deletions and the publishing of a cycle wait for each other; otherwise a cycle could publish what was just deleted.';

create or replace function dreams.without(ids uuid[], gone uuid[]) returns uuid[]
language sql immutable parallel safe as $$
    select coalesce(array_agg(i.id order by i.place), '{}') from unnest(ids) with ordinality as i (id, place)
    where i.id not in (select unnest(gone))
$$;
comment on function dreams.without is 'The ids of one list that are not in another, in their order.';

create or replace function dreams.forget_in_episodes(gone uuid[]) returns void language plpgsql as $$
declare
    touched text[] := array(select distinct episode_id from dreams.episode_members where memory_id = any(gone));
    near uuid[] := array(
        select r.id
        from dreams.episode_members as g
        inner join public.memories as f on f.id in (g.previous_memory_id, g.next_memory_id)
        inner join public.memories as r on r.id = f.id or r.parent_id = f.parent_id
        where g.memory_id = any(gone)
    );
begin
    delete from dreams.episode_members where memory_id = any(gone);
    update dreams.episode_members set
        previous_memory_id = (dreams.without(array[previous_memory_id], gone))[1],
        next_memory_id = (dreams.without(array[next_memory_id], gone))[1],
        subtask_memory_ids = dreams.without(subtask_memory_ids, gone)
    where memory_id = any(near) or episode_id = any(touched);
    delete from dreams.episodes as e
    where
        e.episode_id = any(touched)
        and not exists (select from dreams.episode_members as p where p.episode_id = e.episode_id);
    -- Topics come from the text of its memories; the next cycle recomputes them.
    update dreams.episodes as e set
        title_memory_id = case
            when e.title_memory_id in (select unnest(gone)) then (
                select p.memory_id from dreams.episode_members as p where p.episode_id = e.episode_id
                order by p.position, p.memory_id limit 1
            )
            else e.title_memory_id
        end,
        task_memory_ids = dreams.without(e.task_memory_ids, gone),
        action_memory_ids = dreams.without(e.action_memory_ids, gone),
        topics = '{}',
        projects = array(
            select distinct p.project from dreams.episode_members as p
            where p.episode_id = e.episode_id and p.project is not null order by p.project
        ),
        places = array(
            select distinct p.place from dreams.episode_members as p
            where p.episode_id = e.episode_id and p.place is not null order by p.place
        ),
        people = array(
            select distinct person from dreams.episode_members as p, unnest(p.people) as person
            where p.episode_id = e.episode_id order by person
        )
    where e.episode_id = any(touched);
    update dreams.episodes set goal_memory_id = null where goal_memory_id = any(gone);
end
$$;
comment on function dreams.forget_in_episodes is 'Removes memories from their episodes, and the episodes that had no others.';

create or replace function dreams.forget_among_neighbours(gone uuid[], documents uuid[]) returns void
language plpgsql as $$
declare
    near uuid[] := array(
        select memory_b from dreams.edge_states where memory_a = any(gone)
        union
        select memory_a from dreams.edge_states where memory_b = any(gone)
        union
        select id from public.memories where parent_id = any(documents)
    );
begin
    delete from dreams.edge_states where memory_a = any(gone) or memory_b = any(gone);
    delete from dreams.memory_states where memory_id = any(gone);
    update dreams.memory_states set
        semantic_associations = dreams.without(semantic_associations, gone),
        provenance = dreams.without(provenance, gone),
        valid_until = case when superseded_by in (select unnest(gone)) then null else valid_until end,
        superseded_by = (dreams.without(array[superseded_by], gone))[1]
    where
        memory_id = any(near)
        and exists (
            select from unnest(semantic_associations || provenance || superseded_by) as i (id)
            where i.id in (select unnest(gone))
        );
end
$$;
comment on function dreams.forget_among_neighbours is
'Removes memories from the states of their neighbours and of the other chunks of their documents.';

-- Must run before the states of these memories are deleted, because it reads their concepts from there.
create or replace function dreams.forget_concepts(gone uuid[]) returns void language plpgsql as $$
declare
    vanished text[] := array(
        select c.concept from (
            select distinct unnest(s.concepts) as concept from dreams.memory_states as s where s.memory_id = any(gone)
        ) as c
        where not exists (
            select from dreams.memory_states as o
            where
                dreams.fingerprints(o.concepts) @> dreams.fingerprints(array[c.concept])
                and c.concept = any(o.concepts) and o.memory_id not in (select unnest(gone))
        )
    );
begin
    delete from dreams.semantic_network
    where concept_a = any(vanished) or concept_b = any(vanished) or via = any(vanished);
    update dreams.communities as c set
        concepts = kept.concepts,
        name = coalesce(nullif(array_to_string(kept.concepts[:3], ', '), ''), 'unnamed')
    from dreams.communities as o
    cross join lateral (
        select array(
            select i.concept from unnest(o.concepts) with ordinality as i (concept, place)
            where i.concept not in (select unnest(vanished)) order by i.place
        ) as concepts
    ) as kept
    where o.community_id = c.community_id and o.concepts && vanished;
end
$$;
comment on function dreams.forget_concepts is 'Removes concepts that no other memory has from the network and from the communities.';

create or replace function dreams.forget_versions(gone uuid[], hashes text[]) returns void language plpgsql as $$
declare
    said text[];
begin
    -- Includes chunks that a document lost earlier.
    with versions as (
        delete from dreams.memory_versions where memory_id = any(gone) or document_id = any(gone)
        returning memory_id, content_hash
    ),
    noted as (
        insert into dreams.forgotten (memory_id) select memory_id from versions union select unnest(gone)
        on conflict do nothing
    )
    select hashes || coalesce(array_agg(content_hash), '{}') into said from versions;
    said := array(
        select u.content_hash from unnest(said) as u (content_hash)
        where
            not exists (select from public.memories as m where m.content_hash = u.content_hash)
            and not exists (select from dreams.memory_versions as v where v.content_hash = u.content_hash)
    );
    delete from dreams.annotations where content_hash = any(said);
    delete from dreams.annotation_quarantine where content_hash = any(said);
end
$$;
comment on function dreams.forget_versions is
'Deletes the earlier versions of memories, and the annotations of all their contents, unless another memory has the same content.';

create or replace function dreams.forget_copies(gone uuid[], documents uuid[]) returns void language plpgsql as $$
begin
    delete from dreams.recall_events where memory_id = any(gone);
    delete from dreams.embedding_failures where memory_id = any(gone);
    delete from dreams.attention_slots where memory_id = any(gone);
    delete from dreams.memory_insights where related_memories && gone;
    delete from dreams.cycle_changes where before is not null and memory_ids && gone;
    perform dreams.forget_concepts(gone);
    perform dreams.forget_among_neighbours(gone, documents);
    perform dreams.forget_in_episodes(gone);
end
$$;
comment on function dreams.forget_copies is 'Deletes the events of memories and what cycles computed from them.';

create or replace function dreams.on_memory_deleted() returns trigger language plpgsql as $$
declare
    gone uuid[] := array(select id from deleted);
begin
    if gone = '{}' then
        return null;
    end if;
    perform dreams.hold_what_was_dreamt();
    perform dreams.forget_copies(gone, array(select distinct parent_id from deleted where parent_id is not null));
    -- Set when an edited document has fewer chunks than before, which is no request to forget them.
    if current_setting('dreams.shrinking_document', true) = 'on' then
        update dreams.memory_versions as v set document_id = f.document_id
        from (
            select d.id as memory_id, (
                select m.id from public.memories as m where m.id = d.parent_id or m.parent_id = d.parent_id
                order by coalesce(m.chunk_index, 1), m.id limit 1
            ) as document_id
            from deleted as d
        ) as f
        where v.memory_id = f.memory_id;
        return null;
    end if;
    perform dreams.forget_versions(gone, array(select content_hash from deleted));
    insert into dreams.tombstones (content_hash, memory_id)
    select distinct on (content_hash) content_hash, id from deleted
    on conflict (content_hash) do update set memory_id = excluded.memory_id, forgotten_at = excluded.forgotten_at;
    return null;
end
$$;

create or replace function dreams.keep_events() returns trigger language plpgsql as $$
begin
    -- At depth 2 the memory itself is being deleted, and its events with it.
    if tg_op = 'DELETE' and (pg_trigger_depth() > 1 or not exists (select from public.memories where id = old.memory_id))
    then
        return old;
    end if;
    raise exception 'dreams.recall_events is append-only: delete the memory instead, and its events go with it';
end
$$;

create or replace function dreams.before_memories_truncated() returns trigger language plpgsql as $$
begin
    delete from public.memories;
    return null;
end
$$;

-- Differences may name deleted memories, and concepts that no memory has any more. A process that annotated, embedded
-- or recalled a memory during its deletion may also have left traces.
create or replace function dreams.forget_leftovers(given uuid[]) returns bigint language plpgsql as $$
declare
    gone uuid[] := array(select unnest(given) except select id from public.memories);
    removed bigint;
begin
    perform dreams.hold_what_was_dreamt();
    perform dreams.forget_copies(gone, '{}');
    perform dreams.forget_versions(gone, array(select content_hash from dreams.tombstones where memory_id = any(gone)));
    with known as materialized (select distinct unnest(concepts) as concept from dreams.memory_states)
    delete from dreams.cycle_changes as d
    where
        exists (
            select from regexp_matches(
                concat(d.row_key, d.before), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g'
            ) as found (id)
            where found.id[1]::uuid in (select unnest(gone))
        )
        or d.relation = 'semantic_network' and (
            d.row_key ->> 'concept_a' not in (select concept from known)
            or d.row_key ->> 'concept_b' not in (select concept from known)
            or d.before ->> 'via' not in (select concept from known)
        )
        or d.relation = 'communities' and exists (
            select from jsonb_array_elements_text(d.before -> 'concepts') as c (concept)
            where c.concept not in (select concept from known)
        )
        or d.relation = 'memory_insights' and d.row_key ->> 'insight_id' like 'pattern:%'
        and regexp_replace(d.row_key ->> 'insight_id', '^pattern:.*:(weekday|hour):', '')
        not in (select concept from known);
    get diagnostics removed = row_count;
    delete from dreams.forgotten where memory_id = any(given);
    return removed;
end
$$;
comment on function dreams.forget_leftovers is
'Removes what is left of deleted memories: recorded changes that name them or concepts that only they had, and rows written about them meanwhile.';

-- The planner's statistics quote values of a table long after their deletion; it needs none for texts.
do $$
declare
    texts record;
begin
    for texts in
        select t.relation, c.name from (
            values
            ('public.memories', '{content,context,summary,metadata}'::text[]),
            ('dreams.memory_versions', '{content,context,summary,tags,metadata}'),
            ('dreams.annotations', '{entities,topics,gist}'),
            ('dreams.annotation_quarantine', '{reason,answer}'),
            ('dreams.embedding_failures', '{reason}'),
            ('dreams.recall_events', '{details}'),
            ('dreams.cycle_changes', '{before}'),
            ('dreams.memory_states', '{semantic_gist}'),
            ('dreams.episodes', '{topics,projects,places,people}'),
            ('dreams.episode_members', '{project,file,channel,place,people}'),
            ('dreams.memory_insights', '{insight_description,supporting_evidence}')
        ) as t (relation, names)
        cross join lateral unnest(t.names) as c (name)
    loop
        execute format('alter table %s alter column %I set statistics 0', texts.relation, texts.name);
        -- PostgreSQL 18 and later can clear statistics collected already.
        if to_regproc('pg_catalog.pg_clear_attribute_stats') is not null then
            perform pg_clear_attribute_stats(
                split_part(texts.relation, '.', 1), split_part(texts.relation, '.', 2), texts.name, false
            );
        end if;
    end loop;
end
$$;

-- Removes these columns from differences recorded earlier.
update dreams.cycle_changes set before = before - '{topics,projects,places,people}'::text[]
where relation = 'episodes' and before is not null;
