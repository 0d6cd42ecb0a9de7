-- Creates the views that users query. They compute what varies with time, for the visible cycle's as_of.
create or replace view dreams.visible_cycle as
select
    cycle_id,
    as_of,
    parameters,
    (parameters ->> 'consolidation_threshold')::double precision as consolidation_threshold,
    (parameters ->> 'forgetting_rate')::double precision as forgetting_rate,
    (parameters ->> 'fsrs_decay')::double precision as fsrs_decay,
    (parameters ->> 'stability_half_days')::double precision as stability_half_days,
    (parameters ->> 'activation_decay')::double precision as activation_decay,
    (parameters ->> 'session_gap_minutes')::integer as session_gap_minutes,
    (parameters ->> 'night_hour')::integer as night_hour,
    parameters ->> 'timezone' as timezone
from dreams.cycles
where state = 'published'
order by published_at desc
limit 1;
comment on view dreams.visible_cycle is 'The last published cycle, in one row, with the parameters that the views compute with.';

create or replace function dreams.night_of(instant timestamptz, timezone text, night_hour integer) returns date
language sql stable parallel safe as $$
    select ((instant at time zone timezone) - make_interval(hours => night_hour))::date
$$;
comment on function dreams.night_of is 'The night (its date) that an instant follows, on the agent''s clock.';

create or replace function dreams.retrievability(
    elapsed_days double precision, stability_days double precision, decay double precision
) returns double precision language sql immutable parallel safe as $$
    select power(1 + (power(0.9, -1 / decay) - 1) * greatest(elapsed_days, 0) / stability_days, -decay)
$$;
comment on function dreams.retrievability is 'Probability of recall after some days: the forgetting curve of FSRS-6.';

create or replace function dreams.strength(
    retrievability double precision, encoding double precision, association_sum double precision,
    stability_days double precision, stability_half_days double precision
) returns double precision language sql immutable parallel safe as $$
    select retrievability * (
        1 - (1 - encoding)
        * (1 - association_sum / (1 + association_sum))
        * (1 - stability_days / (stability_days + stability_half_days))
    )
$$;
comment on function dreams.strength is
'Strength of a memory, 0 to 1: its retrievability times a noisy OR of encoding, association and stability.';

create or replace view dreams.long_term_memories as
with timed as (
    select
        s.*,
        c.as_of,
        c.consolidation_threshold,
        c.fsrs_decay,
        c.stability_half_days,
        extract(epoch from c.as_of - s.last_reviewed_at) / 86400.0 as elapsed_days,
        greatest(extract(epoch from c.as_of - s.last_presented_at), 1) as last_seconds,
        greatest(extract(epoch from c.as_of - s.created_at), 1) as first_seconds,
        c.activation_decay,
        s.association_sum * power(
            1 - c.forgetting_rate,
            coalesce(greatest(dreams.night_of(c.as_of, c.timezone, c.night_hour) - s.association_night, 0), 0)
        ) as association_now
    from dreams.memory_states as s
    inner join dreams.visible_cycle as c on true
),

recalled as (
    select
        *,
        dreams.retrievability(elapsed_days, stability_days, fsrs_decay) as retrievability,
        ln(
            power(last_seconds, -activation_decay)
            + case
                when presentation_count > 1 and first_seconds > last_seconds
                    then
                        (presentation_count - 1)
                        * (power(first_seconds, 1 - activation_decay) - power(last_seconds, 1 - activation_decay))
                        / ((1 - activation_decay) * (first_seconds - last_seconds))
                else 0
            end
        ) as activation
    from timed
),

weighed as (
    select
        *,
        case
            when pinned
                then greatest(
                    consolidation_threshold,
                    dreams.strength(retrievability, encoding, association_now, stability_days, stability_half_days)
                )
            else dreams.strength(retrievability, encoding, association_now, stability_days, stability_half_days)
        end as strength
    from recalled
)

select
    memory_id,
    agent,
    semantic_gist,
    concepts,
    knowledge_type,
    abstraction_level,
    strength,
    case
        when strength >= consolidation_threshold then 'consolidated'
        when strength >= consolidation_threshold / 2 then 'retained'
        when strength >= consolidation_threshold / 4 then 'fading'
        else 'dormant'
    end as fate,
    retrievability,
    activation,
    stability_days,
    difficulty,
    pinned,
    strength as retrieval_strength,
    stability_days / (stability_days + stability_half_days) as stability_score,
    encoding as importance_score,
    association_now / (1 + association_now) as association_score,
    1 - dreams.retrievability(elapsed_days + 1, stability_days, fsrs_decay) / retrievability as forgetting_rate,
    semantic_associations,
    network_centrality,
    clustering_coefficient,
    area_id,
    cluster_id,
    access_count,
    last_accessed_at,
    superseded_by,
    valid_until,
    provenance,
    consolidation_source,
    created_at,
    as_of
from weighed
where exists (select 1 from public.memories where memories.id = weighed.memory_id);
comment on view dreams.long_term_memories is
'Every memory at the visible cycle''s as_of: its strength, its retrievability, its fate.';

create or replace view dreams.memory_edges as
select
    e.memory_a,
    e.memory_b,
    e.edge_type,
    e.forward_weight * s.factor as forward_weight,
    e.backward_weight * s.factor as backward_weight,
    greatest(e.forward_weight, e.backward_weight) * s.factor as weight,
    e.evidence_count,
    e.first_at,
    e.last_at
from dreams.edge_states as e
inner join dreams.visible_cycle as c on true
inner join lateral (
    select power(
        1 - c.forgetting_rate,
        coalesce(greatest(dreams.night_of(c.as_of, c.timezone, c.night_hour) - e.scaled_through, 0), 0)
    ) as factor
) as s on true;
comment on view dreams.memory_edges is
'Edges between memories with their weights at the visible cycle''s as_of; each pair once per type, the smaller id first.';

create or replace view dreams.working_memory as
with annotated as (
    select distinct on (content_hash) *
    from dreams.annotations
    order by content_hash asc, (annotator = 'rules') asc, annotated_at desc
)

select
    w.memory_id,
    w.snapshot_id,
    w.wm_slot,
    w.agent,
    m.content,
    w.window_start as timestamp,
    a.entities,
    a.topics,
    a.sentiment,
    w.emotional_salience as importance_score,
    a.task_type,
    w.activation_strength,
    w.final_priority,
    w.final_priority as working_memory_strength,
    w.slot_capacity,
    w.offered_count,
    extract(epoch from c.as_of - w.window_end) as age_seconds,
    w.window_end as processed_at
from dreams.attention_slots as w
inner join public.memories as m on m.id = w.memory_id
inner join dreams.visible_cycle as c on true
left join annotated as a on a.content_hash = m.content_hash;
comment on view dreams.working_memory is 'What was in mind in each five-minute window of attention, slot by slot.';

create or replace view dreams.current_context as
select w.*
from dreams.working_memory as w
where w.timestamp = (select max(l.window_start) from dreams.attention_slots as l where l.agent = w.agent)
order by w.agent, w.wm_slot;
comment on view dreams.current_context is 'The latest window of working memory of each agent.';

create or replace function dreams.gists(memory_ids uuid[]) returns text[]
language sql stable parallel safe as $$
    select coalesce(array_agg(s.semantic_gist order by i.position), '{}')
    from unnest(memory_ids) with ordinality as i (memory_id, position)
    inner join dreams.memory_states as s on s.memory_id = i.memory_id
$$;
comment on function dreams.gists is 'The gists of some memories, in the order given; a deleted memory has none.';

create or replace view dreams.short_term_episodes as
select
    p.memory_id,
    p.episode_id,
    e.session_id,
    e.agent,
    p.position,
    p.occurred_at,
    t.semantic_gist as title,
    g.semantic_gist as level_0_goal,
    dreams.gists(e.task_memory_ids) as level_1_tasks,
    dreams.gists(p.subtask_memory_ids) as level_2_subtasks,
    dreams.gists(e.action_memory_ids) as atomic_actions,
    jsonb_strip_nulls(
        jsonb_build_object('project', p.project, 'file', p.file, 'channel', p.channel, 'place', p.place)
    ) as spatial_context,
    p.people,
    p.previous_memory_id,
    p.next_memory_id,
    p.context_similarity,
    power(0.5, extract(epoch from c.as_of - p.occurred_at) / 86400.0) as recency_factor,
    p.emotional_salience,
    p.co_activation_count,
    c.as_of - e.ended_at > make_interval(mins => c.session_gap_minutes) as ready_for_consolidation,
    e.episode_type,
    c.as_of as processed_at
from dreams.episode_members as p
inner join dreams.episodes as e on e.episode_id = p.episode_id
inner join dreams.visible_cycle as c on true
left join dreams.memory_states as t on t.memory_id = e.title_memory_id
left join dreams.memory_states as g on g.memory_id = e.goal_memory_id
where exists (select 1 from public.memories where memories.id = p.memory_id);
comment on view dreams.short_term_episodes is 'Each memory in its episode: goal, tasks, actions, where, with whom, before and after what.';

create or replace view dreams.recent_episodes as
select
    e.episode_id,
    e.session_id,
    e.agent,
    e.started_at,
    e.ended_at,
    e.memory_count,
    t.semantic_gist as title,
    g.semantic_gist as level_0_goal,
    dreams.gists(e.task_memory_ids) as level_1_tasks,
    dreams.gists(e.action_memory_ids) as atomic_actions,
    e.topics,
    e.projects,
    e.places,
    e.people,
    e.episode_type,
    e.emotional_salience
from dreams.episodes as e
inner join dreams.visible_cycle as c on true
left join dreams.memory_states as t on t.memory_id = e.title_memory_id
left join dreams.memory_states as g on g.memory_id = e.goal_memory_id
where e.started_at > c.as_of - interval '7 days'
order by e.started_at desc;
comment on view dreams.recent_episodes is 'Episodes of the last seven days, the latest first.';

create or replace view dreams.knowledge_graph as
select
    concept_a as source,
    association_type as relation,
    concept_b as target,
    association_strength as strength,
    co_activation_count,
    path_length,
    via,
    last_activation
from dreams.semantic_network;
comment on view dreams.knowledge_graph is 'The semantic network as source, relation, target and strength.';

create or replace view dreams.memory_timeline as
select
    v.occurred_at,
    v.kind,
    v.grade,
    v.memory_id,
    left(coalesce(nullif(m.summary, ''), s.semantic_gist, m.content), 200) as gist,
    p.episode_id
from dreams.recall_events as v
inner join public.memories as m on m.id = v.memory_id
left join dreams.memory_states as s on s.memory_id = v.memory_id
left join dreams.episode_members as p on p.memory_id = v.memory_id;
comment on view dreams.memory_timeline is 'Everything that happened to memories, in time.';

create or replace function dreams.get_memory_stats() returns table (
    total_memories bigint, embedded bigint, episodes bigint, in_working_memory bigint, consolidated bigint,
    retained bigint, fading bigint, dormant bigint, edges bigint, concepts bigint, insights bigint, as_of timestamptz
) language sql stable as $$
    select
        (select count(*) from public.memories),
        (select count(*) from public.memories where embedding_vector is not null),
        (select count(*) from dreams.episodes),
        (select count(*) from dreams.current_context),
        count(*) filter (where fate = 'consolidated'),
        count(*) filter (where fate = 'retained'),
        count(*) filter (where fate = 'fading'),
        count(*) filter (where fate = 'dormant'),
        (select count(*) from dreams.edge_states),
        (select count(distinct concept) from dreams.memory_states, unnest(concepts) as concept),
        (select count(*) from dreams.memory_insights),
        (select c.as_of from dreams.visible_cycle as c)
    from dreams.long_term_memories as l
$$;
comment on function dreams.get_memory_stats is 'One row of counts.';

create or replace function dreams.cleanup_old_snapshots(keep_days integer default 30) returns bigint
language plpgsql as $$
declare
    removed bigint;
    more bigint;
begin
    if keep_days < 0 then
        raise exception 'keep_days must not be negative, but is %', keep_days;
    end if;
    delete from dreams.snapshots as old
    where
        created_at < clock_timestamp() - make_interval(days => keep_days)
        and not exists (select 1 from dreams.snapshots as child where child.parent_id = old.snapshot_id);
    get diagnostics removed = row_count;
    delete from dreams.cycle_changes using dreams.cycles
    where
        cycles.cycle_id = cycle_changes.cycle_id
        and cycles.started_at < clock_timestamp() - make_interval(days => keep_days);
    get diagnostics more = row_count;
    return removed + more;
end
$$;
comment on function dreams.cleanup_old_snapshots is
'Removes checkpoints that no other continues, and the recorded changes of cycles, once they are older than the given days; never removes a memory.';

create or replace view dreams.tag_embedding_stats as
select
    count(*) as memories,
    count(*) filter (where cardinality(tags) > 0) as tagged,
    count(tag_embedding) as tag_embedded,
    max(tag_embedding_updated) as last_updated
from public.memories;
comment on view dreams.tag_embedding_stats is 'How many memories have tags, and how many of those have a vector of their tags.';

create or replace function dreams.check_tag_embedding_health() returns table (problem text, memories bigint)
language sql stable as $$
    select 'tags without an embedding', count(*) from public.memories
    where cardinality(tags) > 0 and tag_embedding is null
    having count(*) > 0
    union all
    select 'embedding of tags that are gone', count(*) from public.memories
    where coalesce(cardinality(tags), 0) = 0 and tag_embedding is not null
    having count(*) > 0
$$;
comment on function dreams.check_tag_embedding_health is 'Problems with the vectors of tags; no row when there are none.';
