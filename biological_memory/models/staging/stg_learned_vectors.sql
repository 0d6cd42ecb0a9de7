-- One row per agent, name, version and position: the vectors that earlier cycles learnt.
with learned as (
    select * from {{ source('dreams', 'learned_vectors') }}
),

final as (
    select agent, name, version, position, embedding_model, trained_on, cast(vector as float[]) as vector from learned
)

select * from final
