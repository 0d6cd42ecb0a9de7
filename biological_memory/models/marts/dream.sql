-- One row: the instant and the parameters that everything in this file was computed with; write-back records them.
with parameters as (
    select to_json({
        {%- for name in parameter_names() %}
        '{{ name }}': {{ "cast(" ~ var(name) ~ " as double[])" if var(name) is iterable and var(name) is not string else
            "'" ~ var(name) ~ "'" if var(name) is string else var(name) }}{{ "," if not loop.last }}
        {%- endfor %}
    }) as parameters
),

final as (
    select {{ as_of() }} as as_of, parameters from parameters
)

select * from final
