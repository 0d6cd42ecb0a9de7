-- Creates tables for dream cycles, the nights they replayed and the rows they changed.
create table if not exists dreams.cycles (
    cycle_id uuid primary key default gen_random_uuid(),
    as_of timestamptz not null,
    stages text[] not null,
    state text not null check (state in ('running', 'published', 'failed')),
    parameters jsonb not null,
    code_version text not null,
    row_counts jsonb not null default '{}',
    rows_changed bigint,
    started_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    error text
);
create index if not exists cycles_published_idx on dreams.cycles (published_at desc) where state = 'published';
comment on table dreams.cycles is 'One row per dream cycle; the last published one is what the views show.';
comment on column dreams.cycles.as_of is 'The one instant that everything in the cycle was computed for.';
comment on column dreams.cycles.parameters is 'The vars it ran with.';
comment on column dreams.cycles.rows_changed is 'Rows inserted, updated and deleted in schema dreams when it was published.';

create table if not exists dreams.cycle_changes (
    cycle_id uuid not null references dreams.cycles (cycle_id) on delete cascade,
    relation text not null,
    operation text not null check (operation in ('insert', 'update', 'delete')),
    row_key jsonb not null,
    before jsonb,
    memory_ids uuid[] not null
);
create index if not exists cycle_changes_memories_idx on dreams.cycle_changes using gin (memory_ids)
where before is not null;
create index if not exists cycle_changes_cycle_idx on dreams.cycle_changes (cycle_id, relation);
comment on table dreams.cycle_changes is 'The rows that a cycle changed, as they were before.';
comment on column dreams.cycle_changes.memory_ids is 'Memories that the earlier row is about; deleting one of them deletes this row too.';

create table if not exists dreams.nights (
    agent text not null,
    night date not null,
    replayed_count integer not null,
    cycle_id uuid not null,
    primary key (agent, night)
);
comment on table dreams.nights is 'Nights whose replay has been recorded; none is replayed twice.';

create table if not exists dreams.snapshots (
    snapshot_id uuid primary key default gen_random_uuid(),
    parent_id uuid,
    codec text not null,
    version integer not null,
    working_tokens bytea not null,
    checksum varchar(64) not null,
    signature bytea,
    created_at timestamptz not null default clock_timestamp()
);
comment on table dreams.snapshots is 'Checkpoints of a model''s working state, append-only.';

create table if not exists dreams.processing_metrics (
    session_id uuid not null,
    batch_id integer not null,
    processing_stage text not null,
    memories_processed bigint not null,
    successful_writes bigint not null,
    failed_writes bigint not null,
    processing_time_ms double precision not null,
    duckdb_memory_mb double precision,
    start_time timestamptz not null,
    end_time timestamptz not null,
    processing_version text not null,
    error_messages text[] not null default '{}',
    primary key (session_id, batch_id)
);
create index if not exists processing_metrics_start_idx on dreams.processing_metrics (start_time desc);
comment on table dreams.processing_metrics is 'How long each stage of each cycle took and what it wrote; session_id is the cycle.';
