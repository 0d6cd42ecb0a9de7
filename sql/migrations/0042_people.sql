-- Joins the names of a person, where it is safe to say that they are one's.
create or replace function dreams.without_titles(name text) returns text[]
language sql immutable parallel safe as $$
    select coalesce(array_agg(word order by place), '{}')
    from unnest(string_to_array(btrim(name), ' ')) with ordinality as w (word, place)
    where lower(rtrim(word, '.')) not in (
        'mr', 'mrs', 'ms', 'miss', 'dr', 'prof', 'sir', 'lord', 'lady', 'madam', 'captain', 'capt', 'colonel', 'major',
        'general', 'commissioner', 'alderman', 'herr', 'frau', 'fru', 'monsieur', 'madame', 'mme', 'señor', 'señora', 'sr',
        'sra', 'signor', 'signora'
    )
$$;
comment on function dreams.without_titles is 'The words of a person''s name but for titles such as Mr. and Dr.';

create or replace function dreams.is_woman(name text) returns boolean
language sql immutable parallel safe as $$
    select case
        when title in ('mrs', 'ms', 'miss', 'lady', 'madam', 'frau', 'fru', 'madame', 'mme', 'señora', 'sra', 'signora')
            then true
        when title in ('mr', 'sir', 'lord', 'herr', 'monsieur', 'señor', 'sr', 'signor') then false
    end
    from (select lower(rtrim(split_part(btrim(name), ' ', 1), '.')) as title) as first
$$;
comment on function dreams.is_woman is 'Whether a title says that a name is a woman''s, or a man''s; null where none says it.';

create or replace function dreams.people() returns table (memory_id uuid, person text, name text)
language sql stable parallel safe as $$
    with members as (
        select
            e.memory_id,
            e.people,
            m.metadata
        from dreams.episode_members as e inner join public.memories as m on m.id = e.memory_id
    ),

    -- The people of the memory, and those whom another document with the same text names.
    named as (
        select
            memory_id,
            metadata,
            unnest(people) as name
        from members
        union
        select
            o.memory_id,
            o.metadata,
            p.name
        from dreams.occurrences as o
        inner join members as m on m.memory_id = o.memory_id
        cross join lateral jsonb_array_elements_text(
            case when jsonb_typeof(o.metadata -> 'people') = 'array' then o.metadata -> 'people' else '[]' end
        ) as p (name)
    ),

    mentions as materialized (
        select
            memory_id,
            name,
            coalesce(metadata ->> 'source', metadata ->> 'channel', '') as source,
            nullif(lower(metadata -> 'addresses' ->> name), '') as address
        from named
        where name not like '%[bot]'
    ),

    -- The same address is the same person, and the name most used with it stands for all. One that masks others
    -- (RFC 2606), answers for nobody, or is shared by many tells nothing.
    owned as (
        select address
        from mentions
        where address !~ '@(?:.+[.])?example(?:[.](?:com|net|org))?$|[.](?:invalid|test)$|^(?:no-?reply|root|nobody)@'
        group by address
        having count(distinct name) <= 3
    ),

    addressed as (
        select distinct on (m.address)
            m.address,
            m.name as person
        from mentions as m inner join owned as o on o.address = m.address
        group by m.address, m.name
        order by m.address asc, count(*) desc, m.name asc
    ),

    counted as (
        select
            m.source,
            m.name,
            coalesce(min(a.person), m.name) as person,
            count(*) as mentions,
            dreams.without_titles(m.name) as words,
            dreams.is_woman(m.name) as is_woman
        from mentions as m left join addressed as a on a.address = m.address
        group by m.source, m.name
    ),

    -- A first name or initial with a surname; "Duke of York" is neither.
    full_names as (
        select
            *,
            lower(words[1]) as first_word,
            lower(words[cardinality(words)]) as last_word,
            lower(left(words[1], 1)) || ' ' || lower(words[cardinality(words)]) as form
        from counted
        where cardinality(words) > 1 and lower(words[2]) <> 'of'
    ),

    -- Names with this initial and surname are one person's, unless two first names or both sexes are among them.
    formed as (
        select
            source,
            form,
            (array_agg(person order by mentions desc, name asc))[1] as person,
            bool_or(is_woman) as is_woman
        from full_names
        group by source, form
        having
            count(distinct first_word) filter (where length(rtrim(first_word, '.')) > 1) <= 1
            and count(distinct is_woman) <= 1
    ),

    -- Whose name begins or ends with a word.
    ends as (
        select
            n.source,
            e.word,
            min(coalesce(f.person, n.person)) as person,
            count(distinct coalesce(f.person, n.person)) as people,
            bool_or(f.is_woman) as is_woman
        from full_names as n
        left join formed as f on f.source = n.source and f.form = n.form
        cross join lateral (values (n.first_word), (n.last_word)) as e (word)
        group by n.source, e.word
    ),

    -- The titles that a single word is met with.
    titled as (
        select
            source,
            lower(words[1]) as word,
            min(name) as person,
            count(*) as names,
            case when bool_and(is_woman) then true when bool_and(not is_woman) then false end as is_woman
        from counted
        where cardinality(words) = 1 and name <> words[1]
        group by source, lower(words[1])
    ),

    -- A single word, with a title or without one, is the only person's whose name begins or ends with it, unless a
    -- title may be another's; else without a title it is that of the only one with a title.
    joined as (
        select
            c.source,
            c.name,
            case
                when cardinality(c.words) > 1 then coalesce(f.person, c.person)
                when e.people = 1 and (t.word is null or t.is_woman = e.is_woman) then e.person
                when e.word is null and t.names = 1 and c.name = c.words[1] then t.person
                else c.person
            end as person
        from counted as c
        left join full_names as n on n.source = c.source and n.name = c.name
        left join formed as f on f.source = n.source and f.form = n.form
        left join ends as e on e.source = c.source and cardinality(c.words) = 1 and e.word = lower(c.words[1])
        left join titled as t on t.source = c.source and cardinality(c.words) = 1 and t.word = lower(c.words[1])
    )

    select
        m.memory_id,
        j.person,
        m.name
    from mentions as m
    inner join joined as j on j.source = m.source and j.name = m.name
$$;
comment on function dreams.people is
'Who is named in which memory, one row per memory and name. Names of one person are joined within a source: of the same address, with and without a title or an initial, and a single word where nobody else has it.';
