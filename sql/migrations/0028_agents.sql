-- Defines which agent a memory belongs to. Associations between concepts, and learnt vectors, belong to one agent each.
create or replace function dreams.agent_of(metadata jsonb) returns text language sql immutable parallel safe as $$
    select coalesce(nullif(metadata ->> 'agent', ''), 'default')
$$;
comment on function dreams.agent_of is 'The agent of a memory with this metadata: the one it names, or `default`.';

-- An index on the expression, because a column would rewrite a million rows and all their indexes.
create index if not exists memories_agent_idx on public.memories (dreams.agent_of(metadata));

-- Memories with an empty agent name had nights of their own.
insert into dreams.nights (agent, night, replayed_count, cycle_id)
select
    'default' as agent,
    night,
    replayed_count,
    cycle_id
from dreams.nights
where agent = ''
on conflict (agent, night) do nothing;
delete from dreams.nights
where agent = '';

alter table dreams.semantic_network add column if not exists agent text;
alter table dreams.learned_vectors add column if not exists agent text not null default '';

-- If there is one agent, all existing rows belong to it. If there are several, the owner is unknown: the next cycle
-- recomputes the rows for each agent, and no rollback goes back to a cycle before it.
do $$
declare
    agents text[] := array(select distinct dreams.agent_of(metadata) from public.memories);
    owner text := coalesce(agents[1], 'default');
begin
    if cardinality(agents) > 1 then
        delete from dreams.semantic_network where agent is null;
        delete from dreams.learned_vectors where name = 'semantic_centroids' and agent = '';
        if exists (
            select from dreams.cycle_changes
            where relation = 'semantic_network' and row_key <> '{}' and not row_key ? 'agent'
        ) then
            delete from dreams.cycle_changes where relation = 'semantic_network' and not row_key ? 'agent';
            update dreams.cycles set differences_pruned_at = clock_timestamp()
            where differences_pruned_at is null and state = 'published';
        end if;
    end if;
    update dreams.semantic_network set agent = owner where agent is null;
    update dreams.learned_vectors set agent = owner where name = 'semantic_centroids' and agent = '';
    update dreams.cycle_changes set
        row_key = row_key || jsonb_build_object('agent', owner), before = before || jsonb_build_object('agent', owner)
    where relation = 'semantic_network' and row_key <> '{}' and not row_key ? 'agent';
end
$$;

alter table dreams.semantic_network alter column agent set not null;
alter table dreams.semantic_network drop constraint if exists semantic_network_pkey;
alter table dreams.semantic_network add constraint semantic_network_pkey
primary key (agent, concept_a, concept_b, association_type);
alter table dreams.learned_vectors drop constraint if exists learned_vectors_pkey;
alter table dreams.learned_vectors add constraint learned_vectors_pkey primary key (agent, name, version, position);

create or replace view dreams.knowledge_graph as
select
    concept_a as source,
    association_type as relation,
    concept_b as target,
    association_strength as strength,
    co_activation_count,
    path_length,
    via,
    last_activation,
    agent,
    association_strength
from dreams.semantic_network;

-- Must run before the states of these memories are deleted, because it reads their concepts from there.
create or replace function dreams.forget_concepts(gone uuid[]) returns void language sql as $$
    with vanished as materialized (
        select c.agent, c.concept from (
            select distinct s.agent, unnest(s.concepts) as concept
            from dreams.memory_states as s where s.memory_id = any(gone)
        ) as c
        where not exists (
            select from dreams.memory_states as o
            where
                dreams.fingerprints(o.concepts) @> dreams.fingerprints(array[c.concept])
                and c.concept = any(o.concepts) and o.agent = c.agent and o.memory_id not in (select unnest(gone))
        )
    ),
    forgotten as (
        delete from dreams.semantic_network
        where
            (agent, concept_a) in (select agent, concept from vanished)
            or (agent, concept_b) in (select agent, concept from vanished)
            or (agent, via) in (select agent, concept from vanished)
    )
    update dreams.communities as c set
        concepts = kept.concepts,
        name = coalesce(nullif(array_to_string(kept.concepts[:3], ', '), ''), 'unnamed')
    from dreams.communities as o
    cross join lateral (
        select array(
            select i.concept from unnest(o.concepts) with ordinality as i (concept, place)
            where (o.agent, i.concept) not in (select agent, concept from vanished) order by i.place
        ) as concepts
    ) as kept
    where
        o.community_id = c.community_id
        and o.concepts && (select array_agg(concept) from vanished)
        and kept.concepts <> o.concepts
$$;
comment on function dreams.forget_concepts is
'Removes concepts that no other memory of their agent has from its network and its communities.';

-- Differences may name deleted memories, and concepts that their agent no longer has. A process that annotated,
-- embedded or recalled a memory during its deletion may also have left traces.
create or replace function dreams.forget_leftovers(given uuid[]) returns bigint language plpgsql as $$
declare
    gone uuid[] := array(select unnest(given) except select id from public.memories);
    removed bigint;
begin
    perform dreams.hold_what_was_dreamt();
    perform dreams.forget_copies(gone, '{}');
    perform dreams.forget_versions(gone, array(select content_hash from dreams.tombstones where memory_id = any(gone)));
    with known as materialized (select distinct agent, unnest(concepts) as concept from dreams.memory_states)
    delete from dreams.cycle_changes as d
    where
        exists (
            select from regexp_matches(
                concat(d.row_key, d.before), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g'
            ) as found (id)
            where found.id[1]::uuid in (select unnest(gone))
        )
        or d.relation = 'semantic_network' and (
            (d.row_key ->> 'agent', d.row_key ->> 'concept_a') not in (select agent, concept from known)
            or (d.row_key ->> 'agent', d.row_key ->> 'concept_b') not in (select agent, concept from known)
            or (d.before ->> 'agent', d.before ->> 'via') not in (select agent, concept from known)
        )
        or d.relation = 'communities' and exists (
            select from jsonb_array_elements_text(d.before -> 'concepts') as c (concept)
            where (d.before ->> 'agent', c.concept) not in (select agent, concept from known)
        )
        or d.relation = 'memory_insights' and d.row_key ->> 'insight_id' like 'pattern:%'
        and (
            substring(d.row_key ->> 'insight_id' from '^pattern:(.*):(?:weekday|hour):'),
            regexp_replace(d.row_key ->> 'insight_id', '^pattern:.*:(weekday|hour):', '')
        ) not in (select agent, concept from known);
    get diagnostics removed = row_count;
    delete from dreams.forgotten where memory_id = any(given);
    return removed;
end
$$;
