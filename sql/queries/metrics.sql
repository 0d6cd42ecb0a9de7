-- How long do the dream cycles take, stage by stage?
-- :days days 1 -- how far back from the last cycle
with cycle as (
    select * from dreams.visible_cycle
),

measured as (
    select
        m.*,
        m.processing_time_ms / 1000 as seconds
    from dreams.processing_metrics as m
    inner join cycle as c on true
    where m.start_time > c.as_of - make_interval(days => %(days)s)
)

select
    processing_stage as stage,
    count(distinct session_id) as cycles,
    round(sum(seconds)::numeric, 2) as seconds,
    round(avg(seconds)::numeric, 2) as mean_seconds,
    round(max(seconds)::numeric, 2) as longest_seconds,
    sum(memories_processed) as memories,
    sum(failed_writes) as failed
from measured
group by processing_stage
order by sum(measured.seconds) desc, processing_stage asc
