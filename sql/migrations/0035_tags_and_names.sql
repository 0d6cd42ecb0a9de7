-- Makes a tag imply the tags it is nested in, in any case: `project` finds #project/alpha, `work` finds #Work.
create or replace function dreams.tag_paths(tags text[]) returns text[]
language plpgsql immutable parallel safe as $$
declare
    tag text;
    part text;
    path text;
    paths text[] := '{}';
begin
    -- A loop, because every insert computes this for an index: a query here would take half of the time of a store.
    foreach tag in array coalesce(tags, '{}') loop
        path := null;
        foreach part in array coalesce(string_to_array(lower(btrim(tag, '#/ ')), '/'), '{}') loop
            path := concat_ws('/', path, part);
            paths := paths || path;
        end loop;
    end loop;
    return paths;
end
$$;
comment on function dreams.tag_paths is
'Tags in lower case, each with the tags it is nested in: {Project/Alpha} gives {project, project/alpha}. Some may repeat.';
create index if not exists memories_tag_paths_idx on public.memories using gin (dreams.tag_paths(tags));

-- A vector covers the content, its title and its aliases.
create or replace trigger memory_names_changed before update of metadata on public.memories
for each row when (
    (old.metadata ->> 'title', old.metadata ->> 'aliases')
    is distinct from (new.metadata ->> 'title', new.metadata ->> 'aliases')
) execute function dreams.before_content_changed();
