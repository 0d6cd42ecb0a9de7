-- Finds events that the store recorded after the instant dbt computed for, except the replays that a cycle itself
-- records. If there are any, other tests may fail, too.
{{ config(severity="warn") }}
{% set came %}
select event_id, recorded_at from {{ source('dreams', 'recall_events') }}
where recorded_at > (select as_of from {{ ref('dream') }}) and kind <> 'rehearsed'
{% endset %}
{% if execute and flags.WHICH in ("test", "build") %}
    {% set count = run_query("select count(*) from (" ~ came ~ ")").columns[0].values()[0] %}
    {% if count %}
        {% do exceptions.warn(
            "The store has changed since the last `dbt run` (" ~ count ~ " events came): tests compare it with what was "
            ~ "computed then, and some fail until you run `dbt run` again."
        ) %}
    {% endif %}
{% endif %}
{{ came }}
