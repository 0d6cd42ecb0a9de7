-- Each cycle may relabel memories. With free space on the page this is a heap-only (HOT) update, which touches no
-- index; otherwise each label would insert its row into the vector index again, a millisecond per row.
alter table public.memories set (fillfactor = 50);
