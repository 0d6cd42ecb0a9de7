-- Adds the column names of the program that Codex Dreams grew from, and ids as text, because Polars cannot read uuid[].
alter table dreams.memory_insights
add column if not exists related_memory_ids text[] generated always as (related_memories::text[]) stored;

-- Extends the existing views: a column that a query does not select costs nothing.
do $$
declare
    added record;
begin
    for added in
        select * from (
            values
            (
                'dreams.long_term_memories',
                'v.memory_id as id, (select m.content from public.memories as m where m.id = v.memory_id) as content,'
                ' v.semantic_associations::text[] as semantic_association_ids, v.provenance::text[] as provenance_ids'
            ),
            (
                'dreams.memory_timeline',
                'v.occurred_at as "timestamp", case v.kind'
                ' when ''rehearsed'' then ''consolidation'''
                ' when ''listed'' then ''long_term'' when ''pinned'' then ''long_term'' when ''unpinned'' then ''long_term'''
                ' else ''working_memory'' end as stage'
            )
        ) as views (name, columns)
    loop
        execute format(
            'create or replace view %s as select v.*, %s from (%s) as v',
            added.name, added.columns, rtrim(pg_get_viewdef(added.name::regclass), ';')
        );
    end loop;
end
$$;

do $$
begin
    if to_regclass('public.tag_embedding_stats') is null then
        create view public.tag_embedding_stats as select * from dreams.tag_embedding_stats;
        comment on view public.tag_embedding_stats is 'The same as dreams.tag_embedding_stats.';
    end if;
end
$$;
