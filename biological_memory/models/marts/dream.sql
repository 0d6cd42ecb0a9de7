-- One row: the instant and the parameters that everything in the file was computed with; write-back records them.
with parameters as (
    select to_json({{ parameter_struct() }}) as parameters
),

final as (
    select {{ as_of() }} as as_of, parameters from parameters
)

select * from final
