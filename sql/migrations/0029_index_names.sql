-- Gives indexes the names that Codex uses, so that its own DDL, run after ours, creates no duplicates.
do $$
declare
    named record;
begin
    for named in
        select * from (
            values
            ('memories_content_hash_key', 'idx_memories_content_hash'),
            ('memories_created_at_idx', 'idx_memories_created_at'),
            ('memories_updated_at_idx', 'idx_memories_updated_at'),
            ('memories_parent_id_idx', 'idx_memories_parent_id')
        ) as names (ours, theirs)
        where to_regclass('public.' || ours) is not null and to_regclass('public.' || theirs) is null
    loop
        execute format('alter index public.%I rename to %I', named.ours, named.theirs);
    end loop;
end
$$;

-- Drops our indexes where Codex has the same ones under other names. Keeps ours if it is the only unique one.
create or replace function dreams.drop_duplicate_indexes() returns void language plpgsql as $$
declare
    -- Of two identical indexes, drops the one later in this list; never drops an index that is not in it.
    ours name[] := array[
        'idx_memories_content_hash', 'idx_memories_created_at', 'idx_memories_updated_at', 'idx_memories_parent_id',
        'memories_content_hash_key', 'memories_created_at_idx', 'memories_updated_at_idx', 'memories_parent_id_idx',
        'memories_content_hash_idx', 'memories_tags_idx'
    ];
    duplicate name;
begin
    for duplicate in
        with indexes as (
            select
                i.*, pg_get_expr(i.indpred, i.indrelid) as condition, c.relname, c.relam,
                coalesce(array_position(ours, c.relname), 0) as place
            from pg_index as i inner join pg_class as c on c.oid = i.indexrelid
            where i.indrelid = 'public.memories'::regclass and i.indexprs is null
        )
        select distinct o.relname
        from indexes as o
        inner join indexes as t
            on
                t.place < o.place and t.relam = o.relam
                and (t.indkey, t.indoption, t.indclass, t.indcollation)
                = (o.indkey, o.indoption, o.indclass, o.indcollation)
                and t.condition is not distinct from o.condition
                and t.indisvalid and (t.indisunique or not o.indisunique)
    loop
        execute format('drop index public.%I', duplicate);
    end loop;
end
$$;
comment on function dreams.drop_duplicate_indexes is
'Drops the store''s indexes of public.memories that duplicate another; called after the migrations.';
