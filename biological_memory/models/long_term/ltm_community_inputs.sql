-- One row per agent: a fingerprint of the communities of the last night and of the concepts of their members.
with members as (
    select agent, memory_id, fingerprint from {{ ref('ltm_communities') }}
),

concepts as (
    select memory_id, concepts from {{ ref('ltm_meanings') }}
),

final as (
    select
        members.agent,
        md5(
            any_value(members.fingerprint) || ' ' || {{ rows_hash('members.memory_id, concepts.concepts') }}
        ) as fingerprint
    from members
    inner join concepts using (memory_id)
    group by members.agent
)

select * from final
