-- What are my habits?
-- :limit integer 20 -- habits to show, the surest first
with habits as (
    select
        insight_description,
        confidence_score,
        (supporting_evidence ->> 'lift')::numeric as lift,
        (supporting_evidence ->> 'days')::integer as days,
        cardinality(related_memories) as memories,
        insight_id
    from dreams.memory_insights
    where insight_type = 'pattern'
)

select
    insight_description as habit,
    round(confidence_score::numeric, 2) as confidence,
    round(lift, 1) as times_more_than_usual,
    memories,
    days
from habits
order by confidence_score desc, memories desc, insight_id asc
limit %(limit)s
