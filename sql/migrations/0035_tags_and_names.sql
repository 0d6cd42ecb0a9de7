-- A tag stands for those above it, whatever the case: #project/alpha is found by `project`, #Work by `work`.
create or replace function dreams.tag_paths(tags text[]) returns text[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct array_to_string(parts[:depth], '/')), '{}')
    from
        unnest(tags) as tag,
        string_to_array(lower(btrim(tag, '#/ ')), '/') as parts,
        generate_series(1, cardinality(parts)) as depth
$$;
comment on function dreams.tag_paths is
'Tags in lower case, each with the tags it is nested in: {Project/Alpha} gives {project, project/alpha}.';
create index if not exists memories_tag_paths_idx on public.memories using gin (dreams.tag_paths(tags));

-- A vector is of the content with its title and its other names.
create or replace trigger memory_names_changed before update of metadata on public.memories
for each row when (
    (old.metadata ->> 'title', old.metadata ->> 'aliases')
    is distinct from (new.metadata ->> 'title', new.metadata ->> 'aliases')
) execute function dreams.before_content_changed();
