-- Creates the tables that a dream cycle publishes. They hold stored state only; views compute what varies with time.
create table if not exists dreams.attention_slots (
    snapshot_id text not null,
    wm_slot integer not null,
    memory_id uuid not null,
    agent text not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    activation_strength double precision not null,
    emotional_salience double precision not null,
    final_priority double precision not null,
    slot_capacity integer not null,
    offered_count integer not null,
    primary key (snapshot_id, wm_slot),
    unique (memory_id, snapshot_id)
);
create index if not exists attention_slots_window_idx on dreams.attention_slots (window_start desc);
comment on table dreams.attention_slots is 'Which memories held a slot of working memory, one row per attention window and slot.';
comment on column dreams.attention_slots.snapshot_id is 'The attention window: agent and start.';
comment on column dreams.attention_slots.activation_strength is 'Base-level activation at the window''s end (Anderson & Schooler 1991).';
comment on column dreams.attention_slots.slot_capacity is 'Slots the window had, 5 to 9, after interference among its items.';
comment on column dreams.attention_slots.offered_count is 'Items that competed for them.';

create table if not exists dreams.episodes (
    episode_id text primary key,
    session_id text not null,
    agent text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    memory_count integer not null,
    title_memory_id uuid not null,
    goal_memory_id uuid,
    task_memory_ids uuid[] not null,
    action_memory_ids uuid[] not null,
    topics text[] not null,
    projects text[] not null,
    places text[] not null,
    people text[] not null,
    episode_type text not null,
    emotional_salience double precision not null
);
create index if not exists episodes_started_idx on dreams.episodes (started_at desc);
comment on table dreams.episodes is
'One row per episode: a stretch of a session in which the context stayed the same. It has the ids of memories; dreams.recent_episodes shows their texts.';

create table if not exists dreams.episode_members (
    memory_id uuid primary key,
    episode_id text not null,
    position integer not null,
    occurred_at timestamptz not null,
    subtask_memory_ids uuid[] not null,
    project text,
    file text,
    channel text,
    place text,
    people text[] not null,
    previous_memory_id uuid,
    next_memory_id uuid,
    context_similarity double precision,
    emotional_salience double precision not null,
    co_activation_count integer not null
);
create index if not exists episode_members_episode_idx on dreams.episode_members (episode_id, position);
comment on table dreams.episode_members is 'The place of each memory in its episode, one row per memory.';
comment on column dreams.episode_members.context_similarity is
'Cosine similarity to the running context when it arrived (Howard & Kahana 2002); NULL without an embedding.';

create table if not exists dreams.memory_states (
    memory_id uuid primary key,
    agent text not null,
    created_at timestamptz not null,
    stability_days double precision not null,
    difficulty double precision not null,
    last_reviewed_at timestamptz not null,
    review_count integer not null,
    lapse_count integer not null,
    access_count integer not null,
    last_accessed_at timestamptz not null,
    presentation_count integer not null,
    last_presented_at timestamptz not null,
    encoding double precision not null,
    association_sum double precision not null,
    association_night date,
    pinned boolean not null,
    semantic_gist text not null,
    concepts text[] not null,
    knowledge_type text not null,
    abstraction_level integer not null,
    semantic_associations uuid[] not null,
    network_centrality double precision,
    clustering_coefficient double precision,
    area_id text,
    cluster_id text,
    superseded_by uuid,
    valid_until timestamptz,
    provenance uuid[] not null,
    consolidation_source text not null
);
comment on table dreams.memory_states is 'The stored state of each memory; dreams.long_term_memories adds what depends on the instant.';
comment on column dreams.memory_states.stability_days is 'Days until the probability of recall has fallen to 0.9 (FSRS-6).';
comment on column dreams.memory_states.difficulty is 'FSRS-6 difficulty, 1 to 10.';
comment on column dreams.memory_states.presentation_count is 'Times it was attended to or replayed; activation follows from these.';
comment on column dreams.memory_states.encoding is 'How well it was encoded when it was stored, 0 to 1.';
comment on column dreams.memory_states.association_sum is 'Sum of its Hebbian weights as of association_night.';
comment on column dreams.memory_states.provenance is 'The memories that this state rests on.';

create table if not exists dreams.edge_states (
    memory_a uuid not null,
    memory_b uuid not null,
    edge_type text not null check (edge_type in ('hebbian', 'semantic', 'temporal', 'entity')),
    forward_weight double precision not null,
    backward_weight double precision not null,
    evidence_count integer not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    scaled_through date,
    primary key (memory_a, memory_b, edge_type),
    check (memory_a < memory_b)
);
create index if not exists edge_states_b_idx on dreams.edge_states (memory_b);
comment on table dreams.edge_states is 'Edges between memories, each pair once per type, the smaller id first.';
comment on column dreams.edge_states.forward_weight is 'Weight from memory_a to memory_b, 0 to 1, as of scaled_through.';
comment on column dreams.edge_states.scaled_through is 'The night up to which the weights are scaled down; NULL for types that are never scaled.';

create table if not exists dreams.semantic_network (
    concept_a text not null,
    concept_b text not null,
    association_type text not null check (association_type in ('co_occurrence', 'path')),
    association_strength double precision not null,
    co_activation_count integer not null,
    last_activation timestamptz not null,
    edge_weight double precision not null,
    bidirectional boolean not null,
    path_length integer not null,
    via text,
    primary key (concept_a, concept_b, association_type),
    check (concept_a < concept_b)
);
create index if not exists semantic_network_b_idx on dreams.semantic_network (concept_b);
comment on table dreams.semantic_network is 'Associations between concepts: they occur together, or the strongest path between them leads over a third.';
comment on column dreams.semantic_network.association_strength is
'Normalised pointwise mutual information, 0 to 1; for a path, the product of its two steps.';

create table if not exists dreams.communities (
    community_id text primary key,
    agent text not null,
    night date not null,
    level text not null check (level in ('area', 'cluster')),
    parent_id text,
    name text not null,
    concepts text[] not null,
    memory_count integer not null
);
comment on table dreams.communities is 'Areas and clusters of the memories up to the last night (Leiden), named by their most typical concepts.';

create table if not exists dreams.memory_insights (
    insight_id text primary key,
    agent text not null,
    insight_type text not null check (
        insight_type in ('pattern', 'anomaly', 'prediction', 'supersession', 'contradiction')
    ),
    confidence_score double precision not null check (confidence_score between 0 and 1),
    insight_description text not null,
    supporting_evidence jsonb not null,
    related_memories uuid[] not null check (cardinality(related_memories) > 0),
    prediction_due_at timestamptz,
    validated boolean,
    validation_score double precision,
    discovered_at timestamptz not null,
    discovery_method text not null
);
create index if not exists memory_insights_related_idx on dreams.memory_insights using gin (related_memories);
comment on table dreams.memory_insights is 'Insights of the nights; each names the memories it rests on.';
comment on column dreams.memory_insights.validated is 'Whether a prediction came true; NULL until it is due.';
comment on column dreams.memory_insights.validation_score is 'Brier score of a prediction that is due: 0 is best.';
