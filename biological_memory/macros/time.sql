{#
    The instant of the run, as a literal: the var, else the environment variable that a cycle sets, else the moment dbt
    started. A changed var makes dbt parse the whole project again; an environment variable does not, as long as parsing
    does not read it.
#}
{% macro as_of() -%}
    {%- set cycle_instant = env_var("DREAMS_AS_OF", "") if execute else "1970-01-01" -%}
    timestamptz '{{ var("as_of") or cycle_instant or run_started_at.isoformat() }}'
{%- endmacro %}

{# The last night (its date) whose work is done at an instant, on the agent's clock. #}
{% macro night_of(instant) -%}
    cast({{ local_time(instant) }} - interval ({{ var("night_hour") }}) hour as date)
{%- endmacro %}

{# The instant at which a night's work is done. #}
{% macro night_instant(night) -%}
    timezone('{{ var("timezone") }}', cast({{ night }} as timestamp) + interval ({{ var("night_hour") }}) hour)
{%- endmacro %}

{# The UTC day of an instant, as days since 1970. #}
{% macro day_number(instant) -%}
    epoch_us({{ instant }}) // 86400000000
{%- endmacro %}

{# Days from one instant to another, fractional. #}
{% macro days_between(earlier, later) -%}
    (epoch({{ later }}) - epoch({{ earlier }})) / 86400.0
{%- endmacro %}

{# An instant on the agent's clock. #}
{% macro local_time(instant) -%}
    timezone('{{ var("timezone") }}', {{ instant }})
{%- endmacro %}
