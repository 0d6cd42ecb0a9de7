-- What changed in last night's cycle?
-- :days days 1 -- days of cycles up to the last one, taken together; 0 for the last one alone
-- :limit integer 5 -- changes of each kind to show, the largest first
-- Before and after are both scaled down to the present, so that nightly down-scaling alone shows no change.
-- The cost is proportional to the number of changes in these cycles; a first load changes everything.
with cycle as (
    select * from dreams.visible_cycle
),

cycles as (
    select
        p.cycle_id,
        p.published_at
    from dreams.cycles as p
    inner join cycle as c on true
    where p.state = 'published' and (p.cycle_id = c.cycle_id or p.as_of > c.as_of - make_interval(days => %(days)s))
),

recorded as (
    select distinct on (d.relation, d.row_key)
        d.relation,
        d.row_key,
        d.before
    from dreams.cycle_changes as d
    inner join cycles as p on d.cycle_id = p.cycle_id
    order by d.relation asc, d.row_key asc, p.published_at asc
),

-- A table that was empty before is all new: one change with an empty key records that.
filled as (
    select relation from recorded
    where row_key = '{}'
),

first_changes as (
    select
        relation,
        row_key,
        before
    from recorded
    where row_key <> '{}' and relation not in (select relation from filled)
    union all
    select
        'memory_states' as relation,
        jsonb_build_object('memory_id', memory_id) as row_key,
        null as before
    from dreams.memory_states
    where exists (select 1 from filled where relation = 'memory_states')
    union all
    select
        'edge_states' as relation,
        jsonb_build_object('memory_a', memory_a, 'memory_b', memory_b, 'edge_type', edge_type) as row_key,
        null as before
    from dreams.edge_states
    where exists (select 1 from filled where relation = 'edge_states')
    union all
    select
        'semantic_network' as relation,
        jsonb_build_object(
            'agent', agent, 'concept_a', concept_a, 'concept_b', concept_b, 'association_type', association_type
        ) as row_key,
        null as before
    from dreams.semantic_network
    where exists (select 1 from filled where relation = 'semantic_network')
    union all
    select
        'memory_insights' as relation,
        jsonb_build_object('insight_id', insight_id) as row_key,
        null as before
    from dreams.memory_insights
    where exists (select 1 from filled where relation = 'memory_insights')
    union all
    select
        'communities' as relation,
        jsonb_build_object('community_id', community_id) as row_key,
        null as before
    from dreams.communities
    where exists (select 1 from filled where relation = 'communities')
),

changes as (
    select
        'memory' as kind,
        d.before,
        to_jsonb(s) as after,
        s.semantic_gist as subject
    from first_changes as d
    inner join dreams.memory_states as s on (d.row_key ->> 'memory_id')::uuid = s.memory_id
    where d.relation = 'memory_states'
    union all
    select
        e.edge_type || ' edge' as kind,
        d.before,
        to_jsonb(e) as after,
        left(a.semantic_gist, 60) || ' – ' || left(b.semantic_gist, 60) as subject
    from first_changes as d
    inner join dreams.edge_states as e
        on
            (d.row_key ->> 'memory_a')::uuid = e.memory_a
            and (d.row_key ->> 'memory_b')::uuid = e.memory_b
            and d.row_key ->> 'edge_type' = e.edge_type
    inner join dreams.memory_states as a on e.memory_a = a.memory_id
    inner join dreams.memory_states as b on e.memory_b = b.memory_id
    where d.relation = 'edge_states'
    union all
    select
        'concepts' as kind,
        d.before,
        to_jsonb(n) as after,
        (d.row_key ->> 'concept_a') || ' – ' || (d.row_key ->> 'concept_b') as subject
    from first_changes as d
    left join dreams.semantic_network as n
        on
            d.row_key ->> 'agent' = n.agent
            and d.row_key ->> 'concept_a' = n.concept_a
            and d.row_key ->> 'concept_b' = n.concept_b
            and d.row_key ->> 'association_type' = n.association_type
    where d.relation = 'semantic_network'
    union all
    select
        coalesce(i.insight_type, d.before ->> 'insight_type') as kind,
        d.before,
        to_jsonb(i) as after,
        coalesce(i.insight_description, d.before ->> 'insight_description') as subject
    from first_changes as d
    left join dreams.memory_insights as i on d.row_key ->> 'insight_id' = i.insight_id
    where d.relation = 'memory_insights'
    union all
    select
        coalesce(m.level, d.before ->> 'level') as kind,
        d.before,
        to_jsonb(m) as after,
        coalesce(m.name, d.before ->> 'name') as subject
    from first_changes as d
    left join dreams.communities as m on d.row_key ->> 'community_id' = m.community_id
    where d.relation = 'communities'
),

fields as (
    select
        d.kind,
        d.subject,
        f.field,
        d.before ->> f.field as old_text,
        d.after ->> f.field as new_text,
        dreams.waned(v.old_number, c.forgetting_rate, n.night - n.old_night, c.least_weight) as old_number,
        dreams.waned(v.new_number, c.forgetting_rate, n.night - n.new_night, c.least_weight) as new_number
    from changes as d
    inner join cycle as c on true
    -- The fields of this one change.
    cross join lateral jsonb_object_keys(d.before) as f (field)
    inner join lateral (
        select
            case when f.field in ('association_sum', 'forward_weight') then c.night end as night,
            coalesce(d.before ->> 'association_night', d.before ->> 'scaled_through')::date as old_night,
            coalesce(d.after ->> 'association_night', d.after ->> 'scaled_through')::date as new_night
    ) as n on true
    inner join lateral (
        select
            case when jsonb_typeof(d.before -> f.field) = 'number' then (d.before ->> f.field)::double precision end
                as old_number,
            case when jsonb_typeof(d.after -> f.field) = 'number' then (d.after ->> f.field)::double precision end
                as new_number
    ) as v on true
    where
        d.after is not null
        and f.field not in (
            'association_night', 'scaled_through', 'night', 'backward_weight', 'last_presented_at', 'provenance',
            'semantic_associations', 'area_id', 'cluster_id', 'supporting_evidence', 'related_memories'
        )
        and d.before -> f.field is distinct from d.after -> f.field
),

told as (
    select
        f.kind,
        'changed' as change,
        f.subject,
        f.field,
        coalesce(trim_scale(round(f.old_number::numeric, 3))::text, o.semantic_gist, f.old_text) as old_value,
        coalesce(trim_scale(round(f.new_number::numeric, 3))::text, n.semantic_gist, f.new_text) as new_value,
        abs(f.new_number - f.old_number) as size
    from fields as f
    left join dreams.memory_states as o on case when f.field = 'superseded_by' then f.old_text::uuid end = o.memory_id
    left join dreams.memory_states as n on case when f.field = 'superseded_by' then f.new_text::uuid end = n.memory_id
    union all
    select
        kind,
        case when before is null then 'new' else 'gone' end as change,
        subject,
        null as field,
        null as old_value,
        null as new_value,
        coalesce(
            coalesce(after, before) ->> 'forward_weight',
            coalesce(after, before) ->> 'association_strength',
            coalesce(after, before) ->> 'confidence_score',
            coalesce(after, before) ->> 'memory_count',
            coalesce(after, before) ->> 'encoding'
        )::double precision as size
    from changes
    where (before is null) <> (after is null)
),

ranked as (
    select
        *,
        count(*) over (partition by kind, change, field) as such_changes,
        row_number() over (partition by kind, change, field order by size desc nulls last, subject asc) as place
    from told
    where change <> 'changed' or old_value is distinct from new_value
)

select
    change,
    kind,
    left(subject, 130) as subject,
    field,
    left(old_value, 60) as before,
    left(new_value, 60) as after,
    such_changes
from ranked
where place <= %(limit)s
order by change asc, kind asc, field asc, place asc
