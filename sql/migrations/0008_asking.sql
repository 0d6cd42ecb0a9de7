-- How much of a memory only asks: a search takes a question for no answer, and what follows one for its answer.
alter table public.memories
add column if not exists asking real not null generated always as (
    coalesce(
        regexp_count(content, '[?？؟]["''”’»)\]]*(\s|$)')::real
        / nullif(regexp_count(content, '[.!?。！？؟…]["''”’»)\]]*(\s|$)'), 0),
        0
    )
) stored;
comment on column public.memories.asking is 'The part of its sentences that are questions, 0 to 1.';
