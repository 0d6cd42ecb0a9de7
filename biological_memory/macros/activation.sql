{#
    Base-level activation ln(sum of t^-d), approximated in closed form: keeps the latest presentation and spreads the
    others evenly between it and the first (Petrov 2006, eq. 6 with k = 1). Ages are in seconds, at least 1.
#}
{% macro base_level_activation(presentation_count, first_age_seconds, last_age_seconds) -%}
    {%- set d = var("activation_decay") -%}
    {%- set first = "greatest(" ~ first_age_seconds ~ ", 1)" -%}
    {%- set last = "greatest(" ~ last_age_seconds ~ ", 1)" -%}
    ln(
        power({{ last }}, -{{ d }})
        + case
            when {{ presentation_count }} > 1 and {{ first }} > {{ last }} then
                ({{ presentation_count }} - 1) * (power({{ first }}, 1 - {{ d }}) - power({{ last }}, 1 - {{ d }}))
                / ((1 - {{ d }}) * ({{ first }} - {{ last }}))
            else 0
        end
    )
{%- endmacro %}
