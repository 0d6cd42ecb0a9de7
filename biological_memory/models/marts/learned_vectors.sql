-- One row per centroid of the coarse quantiser; write-back records new versions, and later runs use them.
with centroids as (
    select * from {{ ref('ltm_centroids') }}
),

final as (
    select agent, name, version, position, embedding_model, vector, trained_on from centroids
)

select * from final
