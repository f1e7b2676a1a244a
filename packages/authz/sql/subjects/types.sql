-- Where subjects are read from: the grants on a resource or a container around it (is_granted), or those who hold a
-- relation on a group, any but parent when it is null.
create type authz.subject_source as (
  type text collate "C",
  id text collate "C",
  relation text collate "C",
  is_granted boolean
);

-- A stretch of one source, in the order of its subjects: those of one type, from one id on.
create type authz.subject_range as (
  type text collate "C",
  id text collate "C",
  subject_type text collate "C",
  from_id text collate "C"
);
