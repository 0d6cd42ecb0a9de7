-- How much of a memory only asks: a search takes a question for no answer, and what follows one for its answer.
-- A sentence ends in one or more marks, closing quotes or brackets, and white space; marks of full width need no space.
-- Of very long texts the beginning counts. Adding the column writes the table anew, and its indexes with it.
set local maintenance_work_mem = '512MB';
alter table public.memories
add column if not exists asking real not null generated always as (
    coalesce(
        regexp_count(left(content, 1000000), '[?؟][.!?…؟۔।]*["''`*_”“’»«)\]」』）]*(?:\s|$)|？[。！？]*')::real
        / nullif(regexp_count(left(content, 1000000), '[.!?…؟۔।]+["''`*_”“’»«)\]」』）]*(?:\s|$)|[。！？]+'), 0),
        0
    )
) stored;
comment on column public.memories.asking is 'The part of its sentences that are questions, 0 to 1; 0 for a text without the end of a sentence.';
