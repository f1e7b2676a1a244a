-- What decides for one subject and one question, whatever the resource: worked out once, used for one resource or many.
create type authz.scope as (
  namespace text,
  resource_type text,
  relations text[],
  subject_type text,
  subject_id text,
  group_kinds text[],
  group_types text[],
  group_ids text[],
  group_relations text[]
);

comment on type authz.scope is 'A subject, what it holds on groups (three arrays in step, and their distinct types), and the relations that would be enough on a type of resource';
