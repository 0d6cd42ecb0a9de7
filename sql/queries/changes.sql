-- What changed in last night's cycle?
-- :days days 1 -- days of cycles up to the last one, taken together; 0 for the last one alone
-- :limit integer 10 -- changes of each kind to show
-- Before and after are weights as they stand now: waning alone, which every night brings, is no change.
-- The work is in proportion to what these cycles changed; a first load changes everything.
with cycle as (
    select
        *,
        dreams.night_of(as_of, timezone, night_hour) as night
    from dreams.visible_cycle
),

cycles as (
    select
        p.cycle_id,
        p.published_at
    from dreams.cycles as p
    cross join cycle as c
    where p.state = 'published' and (p.cycle_id = c.cycle_id or p.as_of > c.as_of - make_interval(days => %(days)s))
),

first_changes as (
    select distinct on (d.relation, d.row_key)
        d.relation,
        d.row_key,
        d.before
    from dreams.cycle_changes as d
    inner join cycles as p on d.cycle_id = p.cycle_id
    order by d.relation asc, d.row_key asc, p.published_at asc
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
            d.row_key ->> 'concept_a' = n.concept_a
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
        'changed' as change,
        f.field,
        d.before ->> f.field as old_value,
        d.after ->> f.field as new_value,
        case
            when f.field in ('association_sum', 'forward_weight', 'backward_weight') then power(
                1 - c.forgetting_rate,
                coalesce(c.night - coalesce(d.before ->> 'association_night', d.before ->> 'scaled_through')::date, 0)
            )
        end as old_factor,
        case
            when f.field in ('association_sum', 'forward_weight', 'backward_weight') then power(
                1 - c.forgetting_rate,
                coalesce(c.night - coalesce(d.after ->> 'association_night', d.after ->> 'scaled_through')::date, 0)
            )
        end as new_factor
    from changes as d
    cross join cycle as c
    cross join jsonb_object_keys(d.before) as f (field)
    where
        d.after is not null
        and f.field not in (
            'association_night', 'scaled_through', 'semantic_associations', 'provenance', 'area_id', 'cluster_id',
            'night'
        )
        and d.before -> f.field is distinct from d.after -> f.field
    union all
    select
        kind,
        subject,
        case when before is null then 'new' else 'gone' end as change,
        null as field,
        null as old_value,
        null as new_value,
        null as old_factor,
        null as new_factor
    from changes
    where before is null or after is null
),

told as (
    select
        kind,
        change,
        subject,
        field,
        case
            when old_factor is not null then round((old_value::double precision * old_factor)::numeric, 3)::text
            else coalesce(left(o.semantic_gist, 60), old_value)
        end as old_value,
        case
            when new_factor is not null then round((new_value::double precision * new_factor)::numeric, 3)::text
            else coalesce(left(n.semantic_gist, 60), new_value)
        end as new_value
    from fields as f
    left join dreams.memory_states as o on case when f.field = 'superseded_by' then f.old_value::uuid end = o.memory_id
    left join dreams.memory_states as n on case when f.field = 'superseded_by' then f.new_value::uuid end = n.memory_id
),

ranked as (
    select
        *,
        count(*) over (partition by kind, change) as such_changes,
        row_number() over (partition by kind, change order by subject asc, field asc) as place
    from told
    where field is null or old_value is distinct from new_value
)

select
    kind,
    change,
    left(subject, 130) as subject,
    field,
    old_value as before,
    new_value as after,
    such_changes
from ranked
where place <= %(limit)s
order by change asc, kind asc, place asc
