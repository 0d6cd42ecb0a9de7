-- Allows mention edges, which join a memory to another whose title it names.
alter table dreams.edge_states drop constraint if exists edge_states_edge_type_check;
alter table dreams.edge_states add constraint edge_states_edge_type_check
check (edge_type in ('hebbian', 'semantic', 'temporal', 'entity', 'mention'));
