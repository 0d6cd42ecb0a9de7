-- Marks cycles whose differences were removed: a rollback cannot go back past them.
alter table dreams.cycles add column if not exists differences_pruned_at timestamptz;
comment on column dreams.cycles.differences_pruned_at is
'When the recorded changes of this cycle were removed because of their age; no rollback reaches an earlier cycle since then.';

create or replace function dreams.cleanup_old_snapshots(keep_days integer default 30) returns bigint
language plpgsql as $$
declare
    removed bigint;
    more bigint;
begin
    if keep_days < 0 then
        raise exception 'keep_days must not be negative, but is %', keep_days;
    end if;
    delete from dreams.snapshots as old
    where
        created_at < clock_timestamp() - make_interval(days => keep_days)
        and not exists (select 1 from dreams.snapshots as child where child.parent_id = old.snapshot_id);
    get diagnostics removed = row_count;
    update dreams.cycles set differences_pruned_at = clock_timestamp()
    where differences_pruned_at is null and started_at < clock_timestamp() - make_interval(days => keep_days);
    delete from dreams.cycle_changes using dreams.cycles
    where cycles.cycle_id = cycle_changes.cycle_id and cycles.differences_pruned_at is not null;
    get diagnostics more = row_count;
    return removed + more;
end
$$;
