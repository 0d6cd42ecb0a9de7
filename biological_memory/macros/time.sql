{# The instant of the run, as a literal. #}
{% macro as_of() -%}
    timestamptz '{{ var("as_of") or run_started_at.isoformat() }}'
{%- endmacro %}

{# The night (its date) that an instant follows, on the agent's clock. #}
{% macro night_of(instant) -%}
    cast(timezone('{{ var("timezone") }}', {{ instant }}) - interval ({{ var("night_hour") }}) hour as date)
{%- endmacro %}

{# The instant at which a night's work is done. #}
{% macro night_instant(night) -%}
    timezone('{{ var("timezone") }}', cast({{ night }} as timestamp) + interval ({{ var("night_hour") }}) hour)
{%- endmacro %}

{# Days from one instant to another, fractional. #}
{% macro days_between(earlier, later) -%}
    (epoch({{ later }}) - epoch({{ earlier }})) / 86400.0
{%- endmacro %}
