-- A language without an analyser has an unknown sentiment, which counts as an average one.
alter table dreams.annotations alter column sentiment drop not null;
comment on column dreams.annotations.sentiment is 'From -1, unpleasant, to 1, pleasant; null where no analyser knows the language.';
