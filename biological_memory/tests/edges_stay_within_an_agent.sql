-- Finds edges that join memories of two agents; there must be none.
select edges.memory_a, edges.memory_b, edges.edge_type
from {{ ref('edge_states') }} as edges
left join {{ ref('stg_memories') }} as a on a.memory_id = edges.memory_a
left join {{ ref('stg_memories') }} as b on b.memory_id = edges.memory_b
where a.agent is distinct from b.agent
