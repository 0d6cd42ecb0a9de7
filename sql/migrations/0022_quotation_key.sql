-- Creates the key that distinguishes quotations issued by this store from forged ones.
create table if not exists dreams.quotation_key (
    is_only boolean primary key default true check (is_only),
    key text not null
);
comment on table dreams.quotation_key is
'The secret with which the store seals what it gives an assistant. Whoever has it can write quotations that ingestion takes for this store''s own.';
comment on column dreams.quotation_key.is_only is 'Always true, so that there is only one row.';
comment on column dreams.quotation_key.key is 'Random hexadecimal digits, made once for each store.';

insert into dreams.quotation_key (key)
select replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
on conflict do nothing;
