-- What do my memories fall into?
-- :limit integer 50 -- clusters to show
with areas as (
    select * from dreams.communities
    where level = 'area'
),

clusters as (
    select * from dreams.communities
    where level = 'cluster'
)

select
    a.name as area,
    a.memory_count as area_memories,
    c.name as cluster,
    c.memory_count as memories,
    array_to_string(c.concepts[4:8], ', ') as further_concepts
from areas as a
left join clusters as c on c.parent_id = a.community_id
order by a.memory_count desc, a.community_id asc, c.memory_count desc nulls last, c.community_id asc
limit %(limit)s
