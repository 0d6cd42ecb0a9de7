-- How are two ideas connected?
-- :from text required -- a concept, or words of one
-- :to text required -- another
-- :steps 1|2|3|4|5|6 4 -- steps a path may have at most
-- :agent text none -- whose ideas, if not those of every agent
-- Finds the strongest path (largest product of associations) of each length by beam search: each step follows a
-- concept's 100 strongest associations and keeps the best path to each concept, 1,000 paths at most per agent.
with recursive network as not materialized (
    select
        agent,
        source,
        target,
        strength
    from dreams.knowledge_graph
    where relation = 'co_occurrence' and (%(agent)s::text is null or agent = %(agent)s::text)
),

ideas as (
    select
        agent,
        source as concept,
        strpos(' ' || source || ' ', ' ' || lower(%(from)s::text) || ' ') > 0 as is_start,
        strpos(' ' || source || ' ', ' ' || lower(%(to)s::text) || ' ') > 0 as is_end
    from network
    union
    select
        agent,
        target,
        strpos(' ' || target || ' ', ' ' || lower(%(from)s::text) || ' ') > 0,
        strpos(' ' || target || ' ', ' ' || lower(%(to)s::text) || ' ') > 0
    from network
),

ends as (
    select
        agent,
        concept
    from ideas
    where is_end and not is_start
),

ways as (
    select
        0 as step,
        agent,
        concept,
        array[concept] as concepts,
        1.0::double precision as strength,
        1.0::double precision as weakest
    from ideas
    where is_start and not is_end
    union all
    select
        step,
        agent,
        concept,
        concepts,
        strength,
        weakest
    from (
        select
            *,
            row_number() over (partition by agent order by strength desc, concepts asc) as beam_rank
        from (
            select
                w.step + 1 as step,
                w.agent,
                n.concept,
                w.concepts || n.concept as concepts,
                w.strength * n.strength as strength,
                least(w.weakest, n.strength) as weakest,
                row_number() over (
                    partition by w.agent, n.concept order by w.strength * n.strength desc, w.concepts asc
                ) as way_rank
            from ways as w
            inner join lateral (
                select
                    concept,
                    strength
                from (
                    select
                        target as concept,
                        strength
                    from network
                    where source = w.concept and agent = w.agent
                    union all
                    select
                        source as concept,
                        strength
                    from network
                    where target = w.concept and agent = w.agent
                ) as both_ways
                order by strength desc, concept asc
                limit 100
            ) as n on true
            where
                w.step < %(steps)s::integer
                and n.concept <> all(w.concepts)
                and not exists (select 1 from ends as e where e.agent = w.agent and e.concept = w.concept)
        ) as reached
        where way_rank = 1
    ) as ranked
    where beam_rank <= 1000
),

arrived as (
    select distinct on (w.agent, w.step) w.*
    from ways as w
    inner join ends as e on e.agent = w.agent and e.concept = w.concept
    order by w.agent asc, w.step asc, w.strength desc, w.concepts asc
)

select
    array_to_string(concepts, ' → ') as path,
    step as steps,
    round(strength::numeric, 3) as strength,
    round(weakest::numeric, 3) as weakest_step,
    agent
from arrived
order by strength desc, step asc, agent asc
