-- One row per memory that revises an earlier one: it says that something changed and is similar to what it changes, or
-- is a revert of it as git words it (supersession), or gives other quantities, on another day, for nearly the same
-- statement (contradiction). Both are about something that few memories are about: a subject that many share does not
-- tell which of them is meant.
{% set fewest_about_it = 5 %}
{% set share_about_it = 0.01 %}
-- A statement like several earlier ones, with other quantities, is the next of a series (a log).
{% set most_contradicted = 2 %}
with candidates as (
    select * from {{ ref('ins_revision_candidates') }}
),

shared as (
    select later_id, earlier_id, agent, created_at, memory_number, unnest(shared_subjects) as subject from candidates
),

about as (
    select
        memories.agent,
        memories.created_at,
        unnest(list_distinct(list_concat(
            annotations.topics, {{ entity_texts('annotations.entities', "(e.kind not in ('quantity', 'time'))") }}
        ))) as subject
    from {{ ref('stg_annotations') }} as annotations
    inner join {{ ref('stg_memories') }} as memories using (memory_id)
),

-- Counts the memories up to the later one, so that what is known of it stays so.
rare as (
    select shared.later_id, shared.earlier_id
    from shared
    inner join about
        on about.agent = shared.agent and about.subject = shared.subject and about.created_at <= shared.created_at
    group by shared.later_id, shared.earlier_id, shared.memory_number, shared.subject
    having count(*) <= greatest({{ fewest_about_it }}, {{ share_about_it }} * shared.memory_number)
),

superseding as (
    select later_id, earlier_id, cosine_similarity, created_at, 'supersession' as revision_type
    from candidates semi join rare using (later_id, earlier_id)
    where revises and cosine_similarity >= {{ var('supersession_similarity') }}
),

-- The same names and numbers but for the quantities: plant 53 and plant 56 are no one plant.
contradicting as (
    select later_id, earlier_id, cosine_similarity, created_at, 'contradiction' as revision_type
    from candidates semi join rare using (later_id, earlier_id)
    where
        not revises and is_another_day and cosine_similarity >= {{ var('contradiction_similarity') }}
        and len(quantities) > 0 and len(earlier_quantities) > 0 and not list_has_any(quantities, earlier_quantities)
        and (list_has_all(names, earlier_names) or list_has_all(earlier_names, names))
        and list_has_all(numbers, earlier_numbers) and list_has_all(earlier_numbers, numbers)
    qualify count(*) over (partition by later_id) <= {{ most_contradicted }}
),

revising as (
    select * from superseding
    union all
    select * from contradicting
    union all
    select later_id, earlier_id, 1e0 as cosine_similarity, created_at, 'supersession' as revision_type
    from {{ ref('ins_reverts') }}
),

final as (
    select later_id, earlier_id, cosine_similarity, revision_type, created_at as revised_at
    from revising
    qualify row_number() over (partition by later_id order by cosine_similarity desc, earlier_id) = 1
)

select * from final
