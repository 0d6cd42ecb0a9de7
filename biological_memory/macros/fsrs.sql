{# FSRS-6 (Ye, Su & Cao 2022; Ye 2024), as the package `fsrs` computes it: stability in days, difficulty 1 to 10. #}

{% macro fsrs_retrievability(elapsed_days, stability_days) -%}
    {%- set decay = var("fsrs_decay") -%}
    power(
        1 + (power(0.9, -1.0 / {{ decay }}) - 1) * greatest({{ elapsed_days }}, 0) / {{ stability_days }}, -{{ decay }}
    )
{%- endmacro %}

{# A weight as a double literal: a plain decimal loses digits, and appending e0 to 5e-05 would give two exponents. #}
{% macro fsrs_weight(number) -%}
    {{ "%.17e" | format(var("fsrs_weights")[number] | float) }}
{%- endmacro %}

{% macro fsrs_initial_stability(grade) -%}
    {%- set w = var("fsrs_weights") -%}
    greatest(list_extract(cast({{ w[:4] }} as double[]), {{ grade }}), 0.001)
{%- endmacro %}

{% macro fsrs_unclamped_initial_difficulty(grade) -%}
    ({{ fsrs_weight(4) }} - exp({{ fsrs_weight(5) }} * ({{ grade }} - 1)) + 1)
{%- endmacro %}

{% macro fsrs_initial_difficulty(grade) -%}
    least(greatest({{ fsrs_unclamped_initial_difficulty(grade) }}, 1.0), 10.0)
{%- endmacro %}

{% macro fsrs_next_difficulty(difficulty, grade) -%}
    least(greatest(
        {{ fsrs_weight(7) }} * {{ fsrs_unclamped_initial_difficulty(4) }}
        + (1 - {{ fsrs_weight(7) }})
        * ({{ difficulty }} - (10.0 - {{ difficulty }}) * {{ fsrs_weight(6) }} * ({{ grade }} - 3) / 9.0),
        1.0
    ), 10.0)
{%- endmacro %}

{% macro fsrs_same_day_gain(stability, grade) -%}
    exp({{ fsrs_weight(17) }} * ({{ grade }} - 3 + {{ fsrs_weight(18) }}))
    * power({{ stability }}, -{{ fsrs_weight(19) }})
{%- endmacro %}

{# Stability after a review. Elapsed time counts in whole days; a review on the same day follows a separate rule. #}
{% macro fsrs_next_stability(stability, difficulty, grade, whole_days) -%}
    {%- set recalled = fsrs_retrievability(whole_days, stability) -%}
    {%- set same_day_gain = fsrs_same_day_gain(stability, grade) -%}
    greatest(case
        when {{ whole_days }} < 1 and {{ grade }} = 1 then
            {{ stability }} * {{ same_day_gain }}
        when {{ whole_days }} < 1 then
            {{ stability }} * greatest({{ same_day_gain }}, 1.0)
        when {{ grade }} = 1 then
            least(
                {{ fsrs_weight(11) }} * power({{ difficulty }}, -{{ fsrs_weight(12) }})
                * (power({{ stability }} + 1, {{ fsrs_weight(13) }}) - 1)
                * exp((1 - {{ recalled }}) * {{ fsrs_weight(14) }}),
                {{ stability }} / exp({{ fsrs_weight(17) }} * {{ fsrs_weight(18) }})
            )
        else
            {{ stability }} * (
                1 + exp({{ fsrs_weight(8) }}) * (11 - {{ difficulty }}) * power({{ stability }}, -{{ fsrs_weight(9) }})
                * (exp((1 - {{ recalled }}) * {{ fsrs_weight(10) }}) - 1)
                * case {{ grade }} when 2 then {{ fsrs_weight(15) }} when 4 then {{ fsrs_weight(16) }} else 1 end
            )
    end, 0.001)
{%- endmacro %}

{#
    One event as a state for fsrs_fold: stability and difficulty are those of a new memory after its first event. A
    reminding weighs less than a review, whose weight is 1.
#}
{% macro fsrs_event(occurred_at, grade, weight=1) -%}
    {
        'seconds': epoch({{ occurred_at }}),
        'grade': cast({{ grade }} as integer),
        'weight': cast({{ weight }} as double),
        'stability': {{ fsrs_initial_stability(grade) }},
        'difficulty': {{ fsrs_initial_difficulty(grade) }},
        'lapses': 0
    }
{%- endmacro %}

{# The weight of an event: a reminding succeeds with the retrievability of the item (Thios & D'Agostino 1976). #}
{% macro fsrs_weight_of(days) -%}
    event.weight * {{ fsrs_retrievability(days, "state.stability") }}
{%- endmacro %}

{#
    Folds a memory's events, in time order, into its state after the last. Each moves the state by its weight from that
    without it to that after a review: stability, difficulty, and the age from which forgetting goes on.
#}
{% macro fsrs_fold(events) -%}
    {%- set days = "cast(floor((event.seconds - state.seconds) / 86400) as integer)" -%}
    {%- set weight = fsrs_weight_of(days) -%}
    {%- set stability = fsrs_next_stability("state.stability", "state.difficulty", "event.grade", days) -%}
    {%- set difficulty = fsrs_next_difficulty("state.difficulty", "event.grade") -%}
    list_reduce({{ events }}, lambda state, event: {
        'seconds': if(event.weight < 1, state.seconds + {{ weight }} * (event.seconds - state.seconds), event.seconds),
        'grade': event.grade,
        'weight': event.weight,
        'stability': if(
            event.weight < 1, state.stability + {{ weight }} * ({{ stability }} - state.stability), {{ stability }}
        ),
        'difficulty': if(
            event.weight < 1, state.difficulty + {{ weight }} * ({{ difficulty }} - state.difficulty), {{ difficulty }}
        ),
        'lapses': state.lapses + cast(event.grade = 1 as integer)
    })
{%- endmacro %}
