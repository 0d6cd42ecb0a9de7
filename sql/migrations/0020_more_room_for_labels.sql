-- A first label makes a row twelve bytes longer, including its pointer. On pages filled to one half, the last row (one
-- row in a hundred) found no free space, and was inserted into the vector index again.
alter table public.memories set (fillfactor = 48);
