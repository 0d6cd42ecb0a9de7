{# The names of all parameters; a test checks that they are the vars of dbt_project.yml, except as_of. #}
{% macro parameter_names() -%}
    {{ return([
        "timezone", "night_hour",
        "attention_window_minutes", "working_memory_capacity", "interference_similarity", "activation_decay",
        "attention_weight", "emotional_weight", "unknown_salience",
        "session_gap_minutes", "context_drift_rate", "episode_boundary_similarity",
        "hebbian_learning_rate", "forgetting_rate", "least_weight", "replay_budget", "replay_catch_up_nights", "need_spread",
        "consolidation_threshold", "stability_half_days",
        "reminding_strength", "reminding_budget", "reminding_similarity", "name_commonness",
        "excluded_tags", "fsrs_weights", "fsrs_decay", "semantic_neighbours", "semantic_similarity", "contiguity_lag",
        "contiguity_decay", "contiguity_backward", "contiguity_context", "entity_neighbours",
        "community_resolution", "concept_support", "supersession_similarity", "contradiction_similarity",
        "habit_lift", "habit_false_discoveries", "anomaly_deviations", "prediction_horizon_days"
    ]) }}
{%- endmacro %}

{# All parameters as a struct. #}
{% macro parameter_struct() -%}
    {%- set fields = [] -%}
    {%- for name in parameter_names() -%}
        {%- set value = var(name) -%}
        {%- if value is string -%}
            {%- do fields.append("'" ~ name ~ "': '" ~ (value | replace("'", "''")) ~ "'") -%}
        {%- elif value is iterable and value | select('string') | list | length == value | length -%}
            {%- do fields.append("'" ~ name ~ "': " ~ texts(value)) -%}
        {%- elif value is iterable -%}
            {%- do fields.append("'" ~ name ~ "': cast(" ~ value ~ " as double[])") -%}
        {%- else -%}
            {%- do fields.append("'" ~ name ~ "': " ~ value) -%}
        {%- endif -%}
    {%- endfor -%}
    { {{- fields | join(", ") -}} }
{%- endmacro %}
