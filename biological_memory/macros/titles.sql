{# The first line of a text, without Markdown heading marks; empty if the text has no other line. #}
{% macro first_line(content) -%}
    regexp_replace(
        regexp_extract(left({{ content }}, 1000), '^\s*([^\n]*\S)\s*\n\s*\S', 1), '^#{1,6}\s+|\s+#+$', '', 'g'
    )
{%- endmacro %}

{# Whether a line looks like a title: at most 80 characters and 12 words, no sentence, no list item. #}
{% macro is_title(line) -%}
    length({{ line }}) <= 80
    and regexp_matches({{ line }}, '^(\S+\s+){0,11}\S*[\pL\pN]\S*$')
    and not regexp_matches({{ line }}, '[.!?…:;,。！？：；，؟।]$|^[-*+>|`~=]|^\d{1,3}[.)]\s')
{%- endmacro %}

{#
    A name normalised for comparison: lower case, NFC, words separated by single spaces, without possessive endings, a
    leading article, or a trailing qualifier in parentheses.
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
