/** A small module with one object of each kind, which needs the others. */
export const demoModule = {
  "schema.sql": "create schema demo;\n\ncomment on schema demo is 'Demo';\n",
  "notes/tables.sql": `-- Notes of every tenant.

create table demo.notes (
  namespace text not null,
  id bigint generated always as identity,
  words text not null,
  constraint notes_pkey primary key (namespace, id)
);

comment on column demo.notes.words is 'What is noted';

create index notes_words_idx on demo.notes (namespace, words);
`,
  "notes/shorten.sql": `-- demo.shorten: cuts a text.
create function demo.shorten(p_words text)
returns text
language sql
immutable
set search_path = demo, pg_temp
as $$
  select left(p_words, 10)
$$;

comment on function demo.shorten(text) is 'Cuts a text';
`,
  "notes/_stamp.sql": `create function demo._stamp()
returns trigger
language plpgsql
set search_path = demo, pg_temp
as $$
begin
  new.words := demo.shorten(new.words);
  return new;
end
$$;

create trigger notes_stamp before insert on demo.notes for each row execute function demo._stamp();
`,
  "notes/views.sql": `create view demo.short_notes as
select n.id, demo.shorten(n.words) as words
from demo.notes n;

create view demo.shortest_note as
select s.words
from demo.short_notes s
order by length(s.words)
limit 1;

comment on view demo.shortest_note is 'The shortest of all';
`,
  "notes/policies.sql": `alter table demo.notes enable row level security;

alter table demo.notes force row level security;

create policy notes_short on demo.notes using (demo.shorten(words) = words);
`,
  "privileges.sql": `revoke all on all functions in schema demo from public;

grant select on demo.short_notes to public;
`,
} as const;
