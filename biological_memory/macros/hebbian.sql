{#
    Folds the steps of a pair into its last night and weight: aggregates `night`, `occurred_at`, `learning`, and how many
    nights each of the two was spared so far. Learning: w <- w + learning x (1 - w), so 0 <= w <= 1. A night scales w by
    (1 - forgetting_rate); as many are spared as of the one of the two that was spared more often.
#}
{% macro hebbian_state() -%}
    list_reduce(
        {{ ordered_list(
            "{'night': datediff('day', date '1970-01-01', night), 'learning': learning, 'spared_a': spared_a,"
            ~ " 'spared_b': spared_b, 'weight': learning}",
            ['occurred_at', 'learning']
        ) }},
        lambda state, step: {
            'night': step.night,
            'learning': step.learning,
            'spared_a': step.spared_a,
            'spared_b': step.spared_b,
            'weight': {{ waned(
                'state.weight',
                'greatest(step.night - state.night'
                ~ ' - greatest(step.spared_a - state.spared_a, step.spared_b - state.spared_b), 0)'
            ) }} * (1 - step.learning) + step.learning
        }
    )
{%- endmacro %}
