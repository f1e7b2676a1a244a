create type authz.permission_path as (
  path_type text,
  via_relation text,
  via_subject_type text,
  via_subject_id text,
  via_membership text,
  path_chain text[]
);

comment on type authz.permission_path is 'One way in which a subject has a permission: direct, group, hierarchy or resource';

-- What was reached, and the tuples that lead there, in order. obstacles is how many of them do not hold, expires_at
-- when the first ends, 'infinity' for never.
create type authz.trail as (
  type text collate "C",
  id text collate "C",
  relation text collate "C",
  obstacles int,
  expires_at timestamptz,
  tuple_ids bigint[]
);

comment on type authz.trail is 'A group or container that was reached, by which tuples, and how long that holds';

create type authz.granting_path as (
  grant_id bigint,
  relation text collate "C",
  membership_ids bigint[],
  container_ids bigint[],
  obstacles int,
  expires_at timestamptz
);

comment on type authz.granting_path is 'A grant with the tuples that lead to it from the subject and from the resource';
