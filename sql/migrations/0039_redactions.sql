-- Remembers which sources were read with secrets masked, so that a later reading does not bring the secrets back.
create table if not exists dreams.redactions (
    source text not null,
    place text not null,
    is_redacted boolean not null,
    decided_at timestamptz not null default clock_timestamp(),
    primary key (source, place)
);
comment on table dreams.redactions is
'Whether the secrets of a source are masked when it is read, as `dreams ingest` was last told with --redact or --no-redact.';
comment on column dreams.redactions.source is 'The kind of source, such as markdown.';
comment on column dreams.redactions.place is
'The file or folder; empty for a kind whose memories were masked before this was recorded.';
comment on column dreams.redactions.is_redacted is 'Whether secrets are masked.';
comment on column dreams.redactions.decided_at is 'When this was said last.';

insert into dreams.redactions (source, place, is_redacted)
select distinct
    metadata ->> 'source',
    '',
    true
from public.memories
where content ~ '\[redacted:[a-z-]+\]' and metadata ->> 'source' is not null
on conflict do nothing;
