-- Where the subjects of a resource are read from.
create type authz.subject_source as (
  type text collate "C",
  id text collate "C",
  relation text collate "C",
  is_granted boolean
);

comment on type authz.subject_source is 'A resource whose grants count (is_granted), or a group: those who hold a relation on it, any but parent when it is null';

create type authz.subject_range as (
  type text collate "C",
  id text collate "C",
  subject_type text collate "C",
  from_id text collate "C"
);

comment on type authz.subject_range is 'What is left to read of one source, in the order of its subjects: those of one type, from one id on';
