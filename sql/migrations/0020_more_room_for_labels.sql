-- A first label makes a row twelve bytes longer, with its pointer. Of a page that was filled to one half, the last row then had
-- no room beside it (one row in a hundred), and was entered into the index of vectors again.
alter table public.memories set (fillfactor = 48);
