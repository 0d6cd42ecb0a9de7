{#
    How well a name that so many of so many items have tells them apart, 0 to 1: fully while few have it, hardly once more
    than the share `name_commonness` do. Beyond twice that share it counts as nothing.
#}
{% macro distinctiveness(mention_count, item_count) -%}
    {%- set few_items = 5 -%}
    {%- set steepness = 8 -%}
    {%- set usual = "greatest(" ~ var("name_commonness") ~ " * " ~ item_count ~ ", " ~ few_items ~ ")" -%}
    if(
        {{ mention_count }} > 2 * {{ usual }}, 0, 1 / (1 + power({{ mention_count }} / {{ usual }}, {{ steepness }}))
    )
{%- endmacro %}
