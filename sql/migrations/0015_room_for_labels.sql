-- Each cycle may label memories anew. Where there is room beside a row, that touches no index; without, each label would
-- enter its row into the index of vectors again, which takes a millisecond a row.
alter table public.memories set (fillfactor = 50);
