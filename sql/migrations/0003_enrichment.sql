-- Creates tables for annotations and failures of models, and for vectors learnt from all memories.
create table if not exists dreams.annotations (
    content_hash varchar(64) not null,
    annotator text not null,
    annotator_version text not null,
    entities jsonb not null,
    topics text[] not null,
    sentiment real not null check (sentiment between -1 and 1),
    task_type text not null check (task_type in ('goal', 'task', 'action', 'observation')),
    gist text not null,
    revises boolean not null,
    annotated_at timestamptz not null default clock_timestamp(),
    primary key (content_hash, annotator, annotator_version)
);
comment on table dreams.annotations is 'What a memory is about, one row per content, annotator and version; kept for ever.';
comment on column dreams.annotations.annotator is '`rules`, or the name of the chat model that answered.';
comment on column dreams.annotations.entities is 'List of {text, kind}.';
comment on column dreams.annotations.topics is 'Keyphrases, the most typical first.';
comment on column dreams.annotations.sentiment is 'From -1, unpleasant, to 1, pleasant.';
comment on column dreams.annotations.revises is 'Whether the text says that something has changed.';

create table if not exists dreams.annotation_quarantine (
    content_hash varchar(64) not null,
    annotator text not null,
    annotator_version text not null,
    reason text not null,
    answer text not null,
    quarantined_at timestamptz not null default clock_timestamp(),
    primary key (content_hash, annotator, annotator_version)
);
comment on table dreams.annotation_quarantine is 'Answers of a model that were empty or did not fit the schema; the annotation by rules stays in use.';

create table if not exists dreams.embedding_failures (
    memory_id uuid not null,
    embedding_model text not null,
    reason text not null,
    attempts integer not null default 1,
    last_attempt_at timestamptz not null default clock_timestamp(),
    primary key (memory_id, embedding_model)
);
comment on table dreams.embedding_failures is 'Memories that could not be embedded, and why; each run tries them again.';

create table if not exists dreams.learned_vectors (
    name text not null,
    version integer not null,
    position integer not null,
    embedding_model text not null,
    vector real[] not null,
    trained_on integer not null,
    primary key (name, version, position)
);
comment on table dreams.learned_vectors is
'Versioned parameters learnt from the corpus: centroids of the coarse quantiser, the mean and axes of the projection to 256 dimensions.';
comment on column dreams.learned_vectors.trained_on is 'How many memories it was learnt from; once there are four times as many, a new version is learnt.';
