-- Which memories are most strongly associated?
-- :kind hebbian|semantic|temporal|entity hebbian -- thought of together, alike, one after the other, of the same things
-- :limit integer 20 -- pairs to show
-- Sorts every edge of the kind: some seconds for ten million edges.
with edges as (
    select * from dreams.memory_edges
    where edge_type = %(kind)s
    order by weight desc, memory_a asc, memory_b asc
    limit %(limit)s
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
    left(a.semantic_gist, 70) as memory,
    left(b.semantic_gist, 70) as associated_memory,
    round(e.weight::numeric, 3) as weight,
    e.evidence_count as times,
    to_char(e.last_at at time zone c.timezone, 'YYYY-MM-DD HH24:MI') as last_time
from edges as e
inner join states as a on a.memory_id = e.memory_a
inner join states as b on b.memory_id = e.memory_b
inner join cycle as c on true
order by e.weight desc, e.memory_a asc, e.memory_b asc
