-- One row per frame of a measure, which is a quantity that an agent states time and again. A frame is a unit with two
-- words before it. Its quantities, the first of each day, are of one changing thing if each is nearer to the next than
-- to the one half the series away: a sign test of every frame with a limit on the share of false discoveries (Benjamini
-- & Hochberg 1995). Quantities in like sentences about other things come in no such order. A frame is of the measure
-- that its commoner word names.
{{ config(materialized='view') }}
{% set fewest_days = 8 %}
{% set nearer_share = 0.9 %}
with stated as (
    select * from {{ ref('ins_stated') }}
),

frames as (
    select
        agent, unit, one.word as one, other.word as other, local_date,
        arg_min(magnitude, (created_at, memory_id, place)) as magnitude
    from stated, unnest(stated.words) as one (word), unnest(stated.words) as other (word)
    where one.word < other.word
    group by agent, unit, one.word, other.word, local_date
),

series as (
    select agent, unit, one, other, list(magnitude order by local_date) as magnitudes, count(*) as day_count
    from frames
    group by agent, unit, one, other
    having count(*) >= {{ fewest_days }}
),

compared as (
    select
        agent, unit, one, other, day_count - 1 as step_count,
        len(list_filter(
            range(1, day_count),
            lambda day: abs(magnitudes[day] - magnitudes[day + 1])
            < abs(magnitudes[day] - magnitudes[(day - 1 + day_count // 2) % day_count + 1])
        )) as nearer_count
    from series
),

ranked as (
    select
        *,
        row_number() over (partition by agent order by chance, unit, one, other) as place,
        count(*) over (partition by agent) as trial_count
    from (select *, {{ binomial_tail('nearer_count', 'step_count', '0.5') }} as chance from compared) as tested
),

discovered as (
    select * exclude (place, trial_count) from ranked
    qualify place <= max(
        if(chance <= {{ var('habit_false_discoveries') }} * place / trial_count, place, 0)
    ) over (partition by agent)
),

words as (
    select agent, unit, word, count(*) as frame_count
    from (
        select agent, unit, unnest([one, other]) as word from discovered
        where nearer_count >= {{ nearer_share }} * step_count
    ) as named
    group by agent, unit, word
),

final as (
    select discovered.*, arg_max(words.word, (words.frame_count, words.word)) as measure
    from discovered
    inner join words
        on
            words.agent = discovered.agent and words.unit = discovered.unit
            and words.word in (discovered.one, discovered.other)
    where nearer_count >= {{ nearer_share }} * step_count
    group by all
)

select * from final
