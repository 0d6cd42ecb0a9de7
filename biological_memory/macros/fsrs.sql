{# FSRS-6 (Ye, Su & Cao 2022; Ye 2024), as the package `fsrs` computes it: stability in days, difficulty 1 to 10. #}

{% macro fsrs_retrievability(elapsed_days, stability_days) -%}
    {%- set decay = var("fsrs_decay") -%}
    power(
        1 + (power(0.9, -1.0 / {{ decay }}) - 1) * greatest({{ elapsed_days }}, 0) / {{ stability_days }}, -{{ decay }}
    )
{%- endmacro %}

{% macro fsrs_initial_stability(grade) -%}
    {%- set w = var("fsrs_weights") -%}
    greatest(list_extract(cast({{ w[:4] }} as double[]), {{ grade }}), 0.001)
{%- endmacro %}

{% macro fsrs_unclamped_initial_difficulty(grade) -%}
    {%- set w = var("fsrs_weights") -%}
    ({{ w[4] }}e0 - exp({{ w[5] }}e0 * ({{ grade }} - 1)) + 1)
{%- endmacro %}

{% macro fsrs_initial_difficulty(grade) -%}
    least(greatest({{ fsrs_unclamped_initial_difficulty(grade) }}, 1.0), 10.0)
{%- endmacro %}

{% macro fsrs_next_difficulty(difficulty, grade) -%}
    {%- set w = var("fsrs_weights") -%}
    least(greatest(
        {{ w[7] }}e0 * {{ fsrs_unclamped_initial_difficulty(4) }}
        + (1 - {{ w[7] }}e0) * ({{ difficulty }} - (10.0 - {{ difficulty }}) * {{ w[6] }}e0 * ({{ grade }} - 3) / 9.0),
        1.0
    ), 10.0)
{%- endmacro %}

{# The next stability; elapsed time counts in whole days, and a review on the same day follows a rule of its own. #}
{% macro fsrs_next_stability(stability, difficulty, grade, whole_days) -%}
    {%- set w = var("fsrs_weights") -%}
    {%- set recalled = fsrs_retrievability(whole_days, stability) -%}
    greatest(case
        when {{ whole_days }} < 1 and {{ grade }} = 1 then
            {{ stability }} * exp({{ w[17] }}e0 * ({{ grade }} - 3 + {{ w[18] }}e0)) * power({{ stability }}, -{{ w[19] }}e0)
        when {{ whole_days }} < 1 then
            {{ stability }} * greatest(
                exp({{ w[17] }}e0 * ({{ grade }} - 3 + {{ w[18] }}e0)) * power({{ stability }}, -{{ w[19] }}e0), 1.0
            )
        when {{ grade }} = 1 then
            least(
                {{ w[11] }}e0 * power({{ difficulty }}, -{{ w[12] }}e0) * (power({{ stability }} + 1, {{ w[13] }}e0) - 1)
                * exp((1 - {{ recalled }}) * {{ w[14] }}e0),
                {{ stability }} / exp({{ w[17] }}e0 * {{ w[18] }}e0)
            )
        else
            {{ stability }} * (
                1 + exp({{ w[8] }}e0) * (11 - {{ difficulty }}) * power({{ stability }}, -{{ w[9] }}e0)
                * (exp((1 - {{ recalled }}) * {{ w[10] }}e0) - 1)
                * case when {{ grade }} = 2 then {{ w[15] }}e0 when {{ grade }} = 4 then {{ w[16] }}e0 else 1 end
            )
    end, 0.001)
{%- endmacro %}

{# What one event is before folding; the first one of a memory carries the state it sets. #}
{% macro fsrs_event(occurred_at, grade) -%}
    {
        'seconds': epoch({{ occurred_at }}),
        'grade': cast({{ grade }} as integer),
        'stability': {{ fsrs_initial_stability(grade) }},
        'difficulty': {{ fsrs_initial_difficulty(grade) }},
        'lapses': 0
    }
{%- endmacro %}

{# Folds a memory's events, in time order, to its state after the last. #}
{% macro fsrs_fold(events) -%}
    {%- set days = "cast(floor((event.seconds - state.seconds) / 86400) as integer)" -%}
    list_reduce({{ events }}, lambda state, event: {
        'seconds': event.seconds,
        'grade': event.grade,
        'stability': {{ fsrs_next_stability("state.stability", "state.difficulty", "event.grade", days) }},
        'difficulty': {{ fsrs_next_difficulty("state.difficulty", "event.grade") }},
        'lapses': state.lapses + cast(event.grade = 1 as integer)
    })
{%- endmacro %}
