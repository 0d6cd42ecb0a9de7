-- Builds the index of members by episode after the first cycle, too: members arrive in order of id, so that inserting
-- row by row would touch random places in it.
create or replace function dreams.index_marts() returns void language plpgsql as $$
begin
    if to_regclass('dreams.episode_members_episode_idx') is null and exists (select from dreams.episode_members) then
        create index episode_members_episode_idx on dreams.episode_members (episode_id, position);
    end if;
    if to_regclass('dreams.edge_states_b_idx') is null and exists (select from dreams.edge_states) then
        create index edge_states_b_idx on dreams.edge_states (memory_b);
    end if;
    if to_regclass('dreams.memory_states_concepts_idx') is null and exists (select from dreams.memory_states) then
        create index memory_states_concepts_idx on dreams.memory_states using gin (dreams.fingerprints(concepts));
    end if;
end
$$;

do $$
begin
    if not exists (select from dreams.episode_members) then
        drop index if exists dreams.episode_members_episode_idx;
    end if;
end
$$;
