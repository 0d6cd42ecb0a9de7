-- Keeps the words of a search once, instead of with every memory that it listed: a deletion then has one row to remove.
create table if not exists dreams.searches (
    query_id uuid primary key,
    query text not null
);
create index if not exists searches_query_idx on dreams.searches using hash (query);
alter table dreams.searches alter column query set statistics 0;
comment on table dreams.searches is
'The words of each search; they are deleted with the first memory that the search listed.';
comment on column dreams.searches.query_id is
'The search, as in dreams.recall_events; the event''s own id where it names no search.';
comment on column dreams.searches.query is 'The words searched for.';

create or replace function dreams.move_queries() returns void language plpgsql as $$
begin
    insert into dreams.searches (query_id, query)
    select distinct on (coalesce(query_id, event_id)) coalesce(query_id, event_id), details ->> 'query'
    from dreams.recall_events
    where details ->> 'query' <> ''
    order by coalesce(query_id, event_id), rank
    on conflict do nothing;
    perform set_config('dreams.moving_events', 'on', true);
    update dreams.recall_events set details = nullif(details - 'query', '{}') where details ? 'query';
    perform set_config('dreams.moving_events', 'off', true);
end
$$;
comment on function dreams.move_queries is
'Moves the words of searches from events that an earlier version wrote to dreams.searches.';

-- Runs for every writer of events, also an earlier version that still runs. An event that was recorded before brings
-- nothing back.
create or replace function dreams.before_event_inserted() returns trigger language plpgsql as $$
begin
    insert into dreams.searches (query_id, query)
    select coalesce(new.query_id, new.event_id), new.details ->> 'query'
    where
        new.details ->> 'query' <> ''
        and not exists (select from dreams.recall_events where event_id = new.event_id)
    on conflict do nothing;
    new.details := nullif(new.details - 'query', '{}');
    return new;
end
$$;
comment on function dreams.before_event_inserted is 'Moves the words of a search from its events to dreams.searches.';

create or replace trigger event_inserted before insert on dreams.recall_events
for each row when (new.details ? 'query') execute function dreams.before_event_inserted();

-- With the trigger made, no writer can add to what is moved.
select dreams.move_queries();
drop index if exists dreams.recall_events_query_text_idx;
comment on column dreams.recall_events.details is
'Of an upsert: the context, summary and tags that it replaced, or those it was given by a source. Of a rehearsal: gain and need.';

create or replace function dreams.keep_events() returns trigger language plpgsql as $$
begin
    -- At depth 2 the memory itself is being deleted, and its events with it.
    if tg_op = 'DELETE' and (pg_trigger_depth() > 1 or not exists (select from public.memories where id = old.memory_id))
    then
        return old;
    end if;
    raise exception 'dreams.recall_events is append-only: delete the memory instead, and its events go with it';
end
$$;
comment on function dreams.keep_events is 'Refuses to change or delete an event whose memory is still there.';

create or replace function dreams.forget_queries(gone uuid[]) returns void language sql as $$
    delete from dreams.searches where query in (
        select s.query
        from dreams.recall_events as e
        inner join dreams.searches as s on s.query_id = coalesce(e.query_id, e.event_id)
        where e.memory_id = any(gone)
    )
$$;
comment on function dreams.forget_queries is
'Deletes the words of every search that listed one of these memories, whenever they were asked.';
