-- What is about to fade?
-- :days days 30 -- days within which it crosses the next threshold
-- :limit integer 20 -- memories to show
-- Solves the forgetting curve for the day on which strength falls to the next lower threshold. Associations weaken
-- meanwhile, so the day may come a little sooner. A pinned memory never fades. Scans every memory: about five seconds
-- for a million.
with cycle as (
    select * from dreams.visible_cycle
),

memories as (
    select
        l.*,
        c.fsrs_decay,
        c.timezone,
        c.consolidation_threshold
        / case l.fate when 'consolidated' then 1 when 'retained' then 2 else 4 end as threshold,
        case l.fate when 'consolidated' then 'retained' when 'retained' then 'fading' else 'dormant' end as next_fate
    from dreams.long_term_memories as l
    inner join cycle as c on true
    where l.fate <> 'dormant' and not l.pinned
),

dated as (
    select
        *,
        dreams.days_until(threshold / strength * retrievability, stability_days, fsrs_decay)
        - dreams.days_until(retrievability, stability_days, fsrs_decay) as days_left
    from memories
)

select
    left(semantic_gist, 80) as memory,
    fate,
    next_fate,
    round(days_left::numeric, 1) as days_left,
    round(strength::numeric, 3) as strength,
    round(threshold::numeric, 3) as threshold,
    to_char(last_accessed_at at time zone timezone, 'YYYY-MM-DD HH24:MI') as last_thought_of
from dated
where days_left <= %(days)s
order by dated.days_left asc, memory_id asc
limit %(limit)s
