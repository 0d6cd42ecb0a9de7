-- One row per memory that reverts another as git words it, with what it reverts: the commit that it names, else the
-- latest earlier memory of the agent with that first line, to which the number of a pull request may have been added.
{{ config(materialized='view') }}
with openings as (
    select
        memory_id, agent, created_at, commit_hash, reverted_commits,
        regexp_extract(left(content, 1000), '^[^\n]*') as opening,
        regexp_extract(left(content, 1000), '^Revert "(.+)"', 1) as reverted
    from {{ ref('stg_memories') }}
),

named as (
    select memory_id, agent, created_at, unnest(reverted_commits) as commit_hash from openings
),

pairs as (
    select
        later.memory_id as later_id, earlier.memory_id as earlier_id, later.created_at,
        true as is_named, earlier.created_at as earlier_at
    from named as later
    inner join openings as earlier
        on earlier.agent = later.agent and starts_with(earlier.commit_hash, later.commit_hash)
    union all
    select
        later.memory_id as later_id, earlier.memory_id as earlier_id, later.created_at,
        false as is_named, earlier.created_at as earlier_at
    from openings as later
    inner join openings as earlier
        on
            earlier.agent = later.agent
            and regexp_replace(earlier.opening, ' \(#\d+\)$', '') = regexp_replace(later.reverted, ' \(#\d+\)$', '')
            and earlier.created_at < later.created_at
    where later.reverted <> ''
),

final as (
    select later_id, earlier_id, created_at from pairs
    where later_id <> earlier_id
    qualify row_number() over (partition by later_id order by is_named desc, earlier_at desc, earlier_id) = 1
)

select * from final
