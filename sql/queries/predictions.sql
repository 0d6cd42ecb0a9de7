-- What will I need next, and how good were the last predictions?
-- :limit integer 30 -- predictions to show: the open ones first, then those that came due
-- The Brier score is the squared error of the probability: 0 is best, a coin scores 0.25.
with predictions as (
    select
        *,
        related_memories[1] as memory_id,
        avg(validation_score) over (partition by agent, discovered_at) as mean_brier_score
    from dreams.memory_insights
    where insight_type = 'prediction'
),

states as (
    select
        memory_id,
        semantic_gist
    from dreams.memory_states
),

cycle as (
    select timezone from dreams.visible_cycle
)

select
    to_char(p.prediction_due_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as needed_by,
    left(s.semantic_gist, 80) as memory,
    round(p.confidence_score::numeric, 2) as probability,
    case when p.validated is null then 'open' when p.validated then 'needed' else 'not needed' end as outcome,
    round(p.validation_score::numeric, 3) as brier_score,
    round(p.mean_brier_score::numeric, 3) as brier_score_of_night
from predictions as p
inner join states as s on s.memory_id = p.memory_id
inner join cycle as c on true
order by p.prediction_due_at desc, p.confidence_score desc, p.insight_id asc
limit %(limit)s
