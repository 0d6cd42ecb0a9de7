-- Makes every date from year 1 to 9999 work in every view: power() raises an error when a weight has almost vanished.
alter table dreams.cycles add column if not exists timezone text;
comment on column dreams.cycles.timezone is
'The time zone of the cycle; UTC if this Postgres does not know the one in its parameters.';

create or replace function dreams.known_zone(zone text) returns text language plpgsql stable as $$
begin
    return case when now() at time zone zone is null then 'UTC' else zone end;
exception when invalid_parameter_value then
    return 'UTC';
end
$$;
comment on function dreams.known_zone is 'The zone, or UTC if Postgres does not know it.';

create or replace function dreams.on_cycle_written() returns trigger language plpgsql as $$
begin
    new.timezone := dreams.known_zone(new.parameters ->> 'timezone');
    return new;
end
$$;

create or replace trigger cycle_zone before insert or update of parameters on dreams.cycles
for each row execute function dreams.on_cycle_written();
update dreams.cycles set parameters = parameters where timezone is null;

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
    timezone,
    dreams.night_of(as_of, timezone, (parameters ->> 'night_hour')::integer) as night,
    -- Cycles older than this parameter lack it.
    coalesce((parameters ->> 'least_weight')::double precision, 1e-9) as least_weight
from dreams.cycles
where state = 'published'
order by published_at desc
limit 1;

create or replace function dreams.waned(
    weight double precision, rate double precision, nights double precision, least_weight double precision
) returns double precision language sql immutable parallel safe as $$
    select case
        when greatest(nights, 0) * ln(greatest(1 - rate, least_weight)) < ln(least_weight / greatest(weight, least_weight))
            then 0
        else weight * power(1 - rate, greatest(nights, 0))
    end
$$;
comment on function dreams.waned is
'A weight after a number of nights, each of which removes the same share; 0 once it falls below the least weight.';

create or replace function dreams.days_until(
    retrievability double precision, stability_days double precision, decay double precision
) returns double precision language sql immutable parallel safe as $$
    select stability_days * (power(retrievability, -1 / decay) - 1) / (power(0.9, -1 / decay) - 1)
$$;
comment on function dreams.days_until is
'Days until the probability of recall has fallen to a value: dreams.retrievability solved for the days.';

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
        dreams.waned(
            s.association_sum, c.forgetting_rate, c.night - s.association_night, c.least_weight
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

create or replace view dreams.memory_edges as
select
    e.memory_a,
    e.memory_b,
    e.edge_type,
    w.forward_weight,
    w.backward_weight,
    greatest(w.forward_weight, w.backward_weight) as weight,
    e.evidence_count,
    e.first_at,
    e.last_at
from dreams.edge_states as e
inner join dreams.visible_cycle as c on true
inner join lateral (
    select
        dreams.waned(e.forward_weight, c.forgetting_rate, n.nights, c.least_weight) as forward_weight,
        dreams.waned(e.backward_weight, c.forgetting_rate, n.nights, c.least_weight) as backward_weight
    from (select c.night - e.scaled_through as nights) as n
) as w on true;

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
    dreams.waned(1, 0.5, extract(epoch from c.as_of - p.occurred_at) / 86400.0, c.least_weight)::numeric
        as recency_factor,
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
