-- Adds the share of sentences that are questions: search ranks questions lower, since they are not answers, and what
-- follows a question higher. A sentence ends in one or more marks, closing quotes or brackets, and white space;
-- full-width marks need no space. Only the first million characters count. Adding the column rewrites the table and its
-- indexes.
set local maintenance_work_mem = '512MB';
alter table public.memories
add column if not exists asking real not null generated always as (
    coalesce(
        regexp_count(left(content, 1000000), '[?؟][.!?…؟۔।]*["''`*_”“’»«)\]」』）]*(?:\s|$)|？[。！？]*')::real
        / nullif(regexp_count(left(content, 1000000), '[.!?…؟۔।]+["''`*_”“’»«)\]」』）]*(?:\s|$)|[。！？]+'), 0),
        0
    )
) stored;
comment on column public.memories.asking is 'Share of its sentences that are questions, 0 to 1; 0 for a text in which no sentence ends.';
