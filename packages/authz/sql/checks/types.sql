-- What decides for one subject and one question, whatever the resource: worked out once, used for one resource or many.
create type authz.scope as (
  namespace text,
  resource_type text,
  relations text[],
  subject_type text,
  subject_id text,
  group_types text[],
  group_ids text[],
  group_relations text[],
  container_types text[],
  container_ids text[]
);

comment on type authz.scope is 'A subject, what it holds on groups (three arrays in step), the relations that are enough on a type of resource, and the containers it has one of them on; made by authz.visibility';

create type authz.nodes as (
  types text[],
  ids text[]
);

comment on type authz.nodes is 'Resources by type and id, in step';
