{# The first line of a text that has more of them, without Markdown's marks of a heading; else an empty text. #}
{% macro first_line(content) -%}
    regexp_replace(
        regexp_extract(left({{ content }}, 1000), '^\s*([^\n]*\S)\s*\n\s*\S', 1), '^#{1,6}\s+|\s+#+$', '', 'g'
    )
{%- endmacro %}

{# Whether a line is a title by its form: at most 80 characters and 12 words, no sentence, no item of a list. #}
{% macro is_title(line) -%}
    length({{ line }}) <= 80
    and regexp_matches({{ line }}, '^(\S+\s+){0,11}\S*[\pL\pN]\S*$')
    and not regexp_matches({{ line }}, '[.!?…:;,。！？：；，؟।]$|^[-*+>|`~=]|^\d{1,3}[.)]\s')
{%- endmacro %}

{#
    A name as it is compared: its words in small, composed letters with a space between them, without endings of the
    genitive, an article before it, and a qualifier in parentheses after it.
#}
{% macro name_key(name) -%}
    regexp_replace(
        trim(regexp_replace(
            regexp_replace(replace(lower(nfc_normalize({{ name }})), '’', ''''), '''s\b|\s\([^()]*\)\s*$', '', 'g'),
            '[^\pL\pM\pN]+', ' ', 'g'
        )),
        '^(the|an?) ', ''
    )
{%- endmacro %}
