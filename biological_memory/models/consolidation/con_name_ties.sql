-- One row per item and earlier one, of days before, with names in common: how fully the later brings the earlier back.
-- A name leads to its latest few mentions, and is counted up to the day before.
{{ config(materialized='view') }}
{% set latest_mentions = 8 %}
with mentions as (
    select * from {{ ref('ltm_mentions') }}
),

counted as (
    select
        *,
        mention_number - row_number() over (partition by name_hash, day order by mention_number) as earlier_count
    from mentions
),

lags as (
    select unnest(range({{ latest_mentions }})) as lag
),

-- The more items have a name, the less it brings back of any one of them (its fan).
fanned as (
    select *, {{ distinctiveness('earlier_count', 'item_number') }} / (1 + ln(earlier_count)) as tie
    from counted
    where earlier_count > 0
),

looking_back as (
    select fanned.*, fanned.earlier_count - lags.lag as earlier_number
    from fanned
    inner join lags on fanned.earlier_count > lags.lag
    where fanned.tie > 0
),

final as (
    select
        later.agent,
        later.day,
        later.item_id as cue_id,
        earlier.item_id,
        1 - product(1 - later.tie order by later.name_hash) as tie
    from looking_back as later
    inner join mentions as earlier
        on earlier.name_hash = later.name_hash and earlier.mention_number = later.earlier_number
    group by later.agent, later.day, later.item_id, earlier.item_id
)

select * from final
