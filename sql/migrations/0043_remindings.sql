-- A new memory brings earlier ones back to mind: a weaker presentation than attention or replay.
alter table dreams.memory_states add column if not exists presentation_strength double precision;
comment on column dreams.memory_states.presentation_count is
'Times it was attended to, came to mind beside a new memory, or was replayed; activation follows from these.';
comment on column dreams.memory_states.presentation_strength is
'Mean strength of its presentations: 1 for attention and replay, less for a reminding. NULL in cycles before there were any.';

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
        ln(coalesce(presentation_strength, 1))
        + ln(
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
    as_of,
    memory_id as id,
    (select m.content from public.memories as m where m.id = weighed.memory_id) as content,
    semantic_associations::text[] as semantic_association_ids,
    provenance::text[] as provenance_ids
from weighed
where exists (select 1 from public.memories where memories.id = weighed.memory_id);
