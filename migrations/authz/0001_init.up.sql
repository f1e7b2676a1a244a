-- schema.sql
do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'authz needs a database in UTF8, this one is in %', current_setting('server_encoding')
      using errcode = '0A000';
  end if;
end
$$;

-- An administrator may have made it, empty, for an owner who may not create schemas: PostgreSQL asks for that right
-- even when there is nothing to create.
do $$
begin
  if to_regnamespace('authz') is null then
    create schema authz;
  end if;
end
$$;

comment on schema authz is 'Postkit authz: relationship-based permissions';

-- context/set_tenant.sql
-- authz.set_tenant: sets the tenant for the rest of the transaction.
--
-- Takes    p_tenant_id  the namespace
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
-- Example  select authz.set_tenant('acme');
create function authz.set_tenant(p_tenant_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_namespace(p_tenant_id);
  perform set_config('postkit.tenant_id', p_tenant_id, true);
end
$$;

-- context/clear_tenant.sql
-- authz.clear_tenant: ends the tenant; reads find nothing and writes are refused until one is set again.
--
-- Example  select authz.clear_tenant();
create function authz.clear_tenant()
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform set_config('postkit.tenant_id', '', true);
end
$$;

-- context/set_actor.sql
-- authz.set_actor: names who acts, for the audit of the rest of the transaction.
--
-- Takes    p_actor_id      who acts: 'user:admin'
--          p_request_id    the request it happens in
--          p_reason        why
--          p_on_behalf_of  for whom, when somebody acts for somebody else
-- Example  select authz.set_actor('user:admin', p_reason => 'ticket 42');
create function authz.set_actor(
  p_actor_id text,
  p_request_id text default null,
  p_reason text default null,
  p_on_behalf_of text default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform set_config('postkit.actor_id', coalesce(p_actor_id, ''), true);
  perform set_config('postkit.request_id', coalesce(p_request_id, ''), true);
  perform set_config('postkit.reason', coalesce(p_reason, ''), true);
  perform set_config('postkit.on_behalf_of', coalesce(p_on_behalf_of, ''), true);
end
$$;

-- context/clear_actor.sql
-- authz.clear_actor: ends what set_actor set.
--
-- Example  select authz.clear_actor();
create function authz.clear_actor()
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz.set_actor(null);
end
$$;

-- context/set_viewer.sql
-- authz.set_viewer: names the subject for whom the rest of the transaction looks at what other tenants share.
--
-- It widens no check and no list of a tenant: only the functions for external resources read it.
--
-- Takes    p_viewer_type, p_viewer_id  the subject
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023)
-- Example  select authz.set_viewer('user', 'alice');
create function authz.set_viewer(p_viewer_type text, p_viewer_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_identifier(p_viewer_type, 'viewer_type');
  perform authz._validate_id(p_viewer_id, 'viewer_id');
  perform set_config('postkit.viewer_type', p_viewer_type, true);
  perform set_config('postkit.viewer_id', p_viewer_id, true);
end
$$;

-- context/clear_viewer.sql
-- authz.clear_viewer: ends what set_viewer set.
--
-- Example  select authz.clear_viewer();
create function authz.clear_viewer()
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform set_config('postkit.viewer_type', '', true);
  perform set_config('postkit.viewer_id', '', true);
end
$$;

-- context/_rls_bypassed.sql
-- authz._rls_bypassed: whether row level security does not bind the current role.
create function authz._rls_bypassed()
returns boolean
language sql
stable
security invoker
set search_path = authz, pg_temp
as $$
  select r.rolsuper or r.rolbypassrls from pg_catalog.pg_roles r where r.rolname = current_user
$$;

-- context/assert_rls_active.sql
-- authz.assert_rls_active: refuses a role that row level security does not bind.
--
-- Raises   BIZ_RLS_NOT_ACTIVE (55000)
-- Example  select authz.assert_rls_active();
create function authz.assert_rls_active()
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if authz._rls_bypassed() then
    raise exception 'role % is a superuser or has BYPASSRLS: tenants are not kept apart', current_user
      using errcode = '55000', hint = 'postkit:authz:BIZ_RLS_NOT_ACTIVE';
  end if;
end
$$;

-- context/_is_maintenance.sql
-- authz._is_maintenance: whether the owner has lifted row level security for himself.
create function authz._is_maintenance()
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return coalesce(current_setting('postkit.maintenance', true), '') = 'on'
    and pg_has_role(
      (select c.relowner from pg_catalog.pg_class c where c.oid = 'authz.permission_hierarchy'::regclass), 'usage'
    );
end
$$;

-- context/_is_tenant.sql
-- authz._is_tenant: whether rows of a namespace are within reach: it is the tenant, or row level security is off, as for
-- the owner while postkit.maintenance is 'on'.
create function authz._is_tenant(p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return current_setting('postkit.tenant_id', true) is not distinct from p_namespace
    or authz._rls_bypassed()
    or authz._is_maintenance();
end
$$;

-- context/_assert_tenant_set.sql
-- authz._assert_tenant_set: refuses a write without any tenant, by a role that row level security binds.
--
-- Raises   BIZ_TENANT_NOT_SET (42501)
create function authz._assert_tenant_set()
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if coalesce(current_setting('postkit.tenant_id', true), '') = '' and not authz._rls_bypassed() then
    raise exception 'no tenant is set: call authz.set_tenant first'
      using errcode = '42501', hint = 'postkit:authz:BIZ_TENANT_NOT_SET';
  end if;
end
$$;

-- context/_assert_tenant.sql
-- authz._assert_tenant: refuses a new row outside the tenant, before a policy would do so without saying why.
--
-- Raises   BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
create function authz._assert_tenant(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if authz._is_tenant(p_namespace) then
    return;
  end if;
  perform authz._assert_tenant_set();
  raise exception 'namespace is not the tenant of this transaction'
    using errcode = '42501', hint = 'postkit:authz:BIZ_TENANT_MISMATCH';
end
$$;

-- context/_warn_tenant.sql
-- authz._warn_tenant: tells why a read outside the tenant finds nothing.
create function authz._warn_tenant(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_tenant text := nullif(current_setting('postkit.tenant_id', true), '');
begin
  if v_tenant = p_namespace then
    return;
  end if;
  if v_tenant is not null then
    raise warning 'namespace is not the tenant of this transaction: nothing of it is visible';
  elsif not authz._rls_bypassed() then
    raise warning 'no tenant is set: nothing is visible';
  end if;
end
$$;

-- validation/_validate_text.sql
-- authz._validate_text: refuses a text that is null, blank or too long, with the codes of its kind.
--
-- Takes    p_value   the text
--          p_field   its name in the message
--          p_prefix  the kind its codes begin with: VAL_ID, VAL_IDENTIFIER, VAL_NAMESPACE
-- Raises   <prefix>_NULL (22004) · <prefix>_EMPTY (22026) · <prefix>_TOO_LONG (22001)
create function authz._validate_text(p_value text, p_field text, p_prefix text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_value is null then
    raise exception '% is null', p_field
      using errcode = '22004', hint = 'postkit:authz:' || p_prefix || '_NULL';
  end if;
  if btrim(p_value) = '' then
    raise exception '% is empty', p_field
      using errcode = '22026', hint = 'postkit:authz:' || p_prefix || '_EMPTY';
  end if;
  if length(p_value) > 1024 then
    raise exception '% is longer than 1024 characters', p_field
      using errcode = '22001', hint = 'postkit:authz:' || p_prefix || '_TOO_LONG';
  end if;
end
$$;

-- validation/_validate_identifier.sql
-- authz._validate_identifier: refuses what cannot be a type, a relation or a permission.
--
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023)
create function authz._validate_identifier(p_value text, p_field text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_value collate "C" ~ '^[a-z][a-z0-9_-]*$' and length(p_value) <= 1024 then
    return;
  end if;
  perform authz._validate_text(p_value, p_field, 'VAL_IDENTIFIER');
  raise exception '% must be lower-case letters, digits, _ and -, beginning with a letter', p_field
    using errcode = '22023', hint = 'postkit:authz:VAL_IDENTIFIER_FORMAT';
end
$$;

-- validation/_validate_id.sql
-- authz._validate_id: refuses what cannot be an id.
--
-- Takes    p_prefix  the kind its codes begin with
-- Raises   VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001) · VAL_ID_INVALID_CHARS (22023)
--          · VAL_ID_WHITESPACE (22023)
create function authz._validate_id(p_value text, p_field text, p_prefix text default 'VAL_ID')
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_text(p_value, p_field, p_prefix);
  if p_value collate "C" ~ '[\u0001-\u001f\u007f\u0085\u2028\u2029]' then
    raise exception '% contains a control character or a line separator', p_field
      using errcode = '22023', hint = 'postkit:authz:' || p_prefix || '_INVALID_CHARS';
  end if;
  if p_value <> btrim(p_value) then
    raise exception '% begins or ends with a space', p_field
      using errcode = '22023', hint = 'postkit:authz:' || p_prefix || '_WHITESPACE';
  end if;
end
$$;

-- validation/_validate_namespace.sql
-- authz._validate_namespace: refuses what cannot be a namespace.
--
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023)
create function authz._validate_namespace(p_value text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_id(p_value, 'namespace', 'VAL_NAMESPACE');
end
$$;

-- validation/_validate_batch_size.sql
-- authz._validate_batch_size: refuses an array of arrays, or of more than 1000 elements.
--
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023)
create function authz._validate_batch_size(p_values text[], p_field text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if array_ndims(p_values) > 1 then
    raise exception '% must be a plain array, not one of arrays', p_field
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  if cardinality(p_values) > 1000 then
    raise exception '% has % elements, the most is 1000', p_field, cardinality(p_values)
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_TOO_LARGE';
  end if;
end
$$;

-- validation/_validate_checks.sql
-- authz._validate_checks: refuses what is not a list of questions, each a subject, a permission and a resource.
--
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
create function authz._validate_checks(p_checks jsonb)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_position int;
  v_field text;
begin
  if jsonb_typeof(p_checks) is distinct from 'array' then
    raise exception 'checks must be an array'
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  if jsonb_array_length(p_checks) > 1000 then
    raise exception 'checks has % elements, the most is 1000', jsonb_array_length(p_checks)
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_TOO_LARGE';
  end if;
  select c.position, f.field
  into v_position, v_field
  from jsonb_array_elements(p_checks) with ordinality c (value, position)
  cross join unnest(array['subject_type', 'subject_id', 'permission', 'resource_type', 'resource_id']) f (field)
  where jsonb_typeof(c.value -> f.field) is distinct from 'string'
  order by c.position
  limit 1;
  if found then
    raise exception 'checks[%] has no %, which must be a string', v_position, v_field
      using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
  end if;
end
$$;

-- validation/_validate_elements.sql
-- authz._validate_elements: refuses an array in which something cannot be an id, or an identifier.
--
-- Takes    p_values  the array
--          p_field   its name in the message, as in 'subject_ids[2] is empty'
--          p_kind    'id', 'identifier', or 'relation' for an identifier that may be null or empty
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
create function authz._validate_elements(p_values text[], p_field text, p_kind text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_value text;
  v_position int := 0;
begin
  perform authz._validate_batch_size(p_values, p_field);
  if p_values is null then
    return;
  end if;
  begin
    foreach v_value in array p_values loop
      v_position := v_position + 1;
      if p_kind = 'id' then
        perform authz._validate_id(v_value, format('%s[%s]', p_field, v_position));
      elsif p_kind = 'identifier' or v_value <> '' then
        perform authz._validate_identifier(v_value, format('%s[%s]', p_field, v_position));
      end if;
    end loop;
  exception
    when data_exception then
      raise exception '%', sqlerrm
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
  end;
end
$$;

-- validation/_validate_limit.sql
-- authz._validate_limit: refuses a page size that is not from 1 to 1000.
--
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
create function authz._validate_limit(p_limit int)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_limit is null or p_limit <= 0 then
    raise exception 'limit must be at least 1'
      using errcode = '22023', hint = 'postkit:authz:VAL_NOT_POSITIVE';
  end if;
  if p_limit > 1000 then
    raise exception 'limit is %, the most is 1000', p_limit
      using errcode = '22023', hint = 'postkit:authz:VAL_LIMIT_TOO_LARGE';
  end if;
end
$$;

-- validation/_validate_key_size.sql
-- authz._validate_key_size: refuses names and ids that together are too long for an index entry.
--
-- PostgreSQL keeps at most a third of a page, 2704 bytes, in one.
--
-- Raises   VAL_KEY_TOO_LONG (22001)
create function authz._validate_key_size(variadic p_parts text[])
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_bytes int := octet_length(array_to_string(p_parts, ''));
begin
  if v_bytes > 2600 then
    raise exception 'names and ids together have % bytes, the most is 2600', v_bytes
      using errcode = '22001', hint = 'postkit:authz:VAL_KEY_TOO_LONG';
  end if;
end
$$;

-- validation/_validate_expiration.sql
-- authz._validate_expiration: refuses an end of a grant that is over already.
--
-- Raises   VAL_EXPIRATION_FUTURE (23514)
create function authz._validate_expiration(p_expires_at timestamptz)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_expires_at <= now() then
    raise exception 'expires_at must be in the future'
      using errcode = '23514', hint = 'postkit:authz:VAL_EXPIRATION_FUTURE';
  end if;
end
$$;

-- validation/_max_depth.sql
-- authz._max_depth: how far groups, containers and rules are followed; access beyond it is not found.
create function authz._max_depth()
returns int
language sql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
  select 50
$$;

-- context/_assert_readable.sql
-- authz._assert_readable: refuses to read of no namespace, and tells why a read outside the tenant finds nothing.
--
-- Raises   VAL_NAMESPACE_NULL (22004)
create function authz._assert_readable(p_namespace text)
returns void
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_namespace is null then
    perform authz._validate_namespace(p_namespace);
  end if;
  perform authz._warn_tenant(p_namespace);
end
$$;

-- audit/tables.sql
create table authz.audit_events (
  namespace text collate "C" not null,
  id bigint generated always as identity,
  event_id uuid not null default gen_random_uuid(),
  event_type text collate "C" not null,
  resource_type text collate "C" not null,
  resource_id text collate "C" not null,
  relation text collate "C" not null,
  subject_type text collate "C" not null,
  subject_id text collate "C" not null,
  subject_relation text collate "C",
  resource_id_raw text collate "C",
  subject_id_raw text collate "C",
  tuple_id bigint,
  expires_at timestamptz,
  actor_id text collate "C",
  request_id text,
  reason text,
  on_behalf_of text,
  session_user_name text not null default session_user,
  current_user_name text not null,
  client_addr inet default inet_client_addr(),
  client_port int default inet_client_port(),
  application_name text default current_setting('application_name', true),
  backend_pid int not null default pg_backend_pid(),
  event_time timestamptz not null default now(),
  constraint audit_events_pkey primary key (namespace, id, event_time),
  constraint audit_events_event_type_is_known check (
    event_type in ('tuple_created', 'tuple_updated', 'tuple_deleted', 'hierarchy_created', 'hierarchy_deleted')
  )
) partition by range (event_time);

comment on table authz.audit_events is 'Every change of a tuple or a rule, written by triggers in the same transaction';

create table authz.audit_events_default partition of authz.audit_events default;

comment on table authz.audit_events_default is 'Takes events of a time that has no partition of its own, so that no change ever fails for want of one';

create index audit_events_event_time_idx on authz.audit_events (namespace, event_time desc, id desc);

create index audit_events_actor_id_idx on authz.audit_events (namespace, actor_id, event_time desc, id desc)
  where actor_id is not null;

create index audit_events_resource_idx on authz.audit_events
  (namespace, resource_type, resource_id, event_time desc, id desc);

create index audit_events_subject_idx on authz.audit_events
  (namespace, subject_type, subject_id, event_time desc, id desc);

-- What is rarer than grants, and would be far to seek among them.
create index audit_events_event_type_idx on authz.audit_events (namespace, event_type, event_time desc, id desc)
  where event_type <> 'tuple_created';

create index audit_events_tuple_id_idx on authz.audit_events (namespace, tuple_id) where tuple_id is not null;

create index audit_events_event_id_idx on authz.audit_events (namespace, event_id);

alter table authz.audit_events enable row level security;
alter table authz.audit_events force row level security;
alter table authz.audit_events_default enable row level security;
alter table authz.audit_events_default force row level security;

create policy audit_tenant_isolation on authz.audit_events for select
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

-- The triggers run as the owner, in whatever tenant the change was made; nobody else is granted INSERT.
create policy audit_owner_insert on authz.audit_events for insert to current_user
  with check (true);

create policy audit_maintenance on authz.audit_events to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create type authz.audit_position as (event_time timestamptz, id bigint);

comment on type authz.audit_position is 'A place in the audit, newest first';

-- audit/_record_audit_event.sql
-- authz._record_audit_event: writes one audit row with the actor of this transaction.
--
-- Called by the definer triggers only. Inside them current_user is the owner, so the role that made the change is
-- taken from SET ROLE, else from the session.
--
-- Raises   VAL_KEY_TOO_LONG (22001) when the actor's id does not fit its index
create function authz._record_audit_event(
  p_event_type text,
  p_namespace text,
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text,
  p_resource_id_raw text,
  p_subject_id_raw text,
  p_tuple_id bigint,
  p_expires_at timestamptz
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_actor_id text := nullif(current_setting('postkit.actor_id', true), '');
begin
  perform authz._validate_key_size(p_namespace, v_actor_id);
  insert into authz.audit_events (
    namespace, event_type, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
    resource_id_raw, subject_id_raw, tuple_id, expires_at, actor_id, request_id, reason, on_behalf_of,
    current_user_name
  )
  values (
    p_namespace, p_event_type, p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id,
    p_subject_relation, p_resource_id_raw, p_subject_id_raw, p_tuple_id, p_expires_at,
    v_actor_id,
    nullif(current_setting('postkit.request_id', true), ''),
    nullif(current_setting('postkit.reason', true), ''),
    nullif(current_setting('postkit.on_behalf_of', true), ''),
    coalesce(nullif(current_setting('role', true), 'none'), session_user)
  );
end
$$;

-- audit/_audit_tuple.sql
-- authz._audit_tuple: row trigger that records a change of a tuple.
create function authz._audit_tuple()
returns trigger
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
as $$
declare
  v_tuple record;
  v_event_type text;
begin
  if tg_op = 'DELETE' then
    v_tuple := old;
    v_event_type := 'tuple_deleted';
  else
    v_tuple := new;
    v_event_type := case tg_op when 'INSERT' then 'tuple_created' else 'tuple_updated' end;
  end if;
  perform authz._record_audit_event(
    v_event_type, v_tuple.namespace, v_tuple.resource_type, v_tuple.resource_id, v_tuple.relation,
    v_tuple.subject_type, v_tuple.subject_id, v_tuple.subject_relation, v_tuple.resource_id_raw,
    v_tuple.subject_id_raw, v_tuple.id, v_tuple.expires_at
  );
  return null;
end
$$;

-- audit/_audit_hierarchy.sql
-- authz._audit_hierarchy: row trigger that records a change of a hierarchy rule.
--
-- The rule is mapped on the columns of a tuple: permission as resource_id, what it implies as relation. An update,
-- which only the owner can make, is a rule deleted and another created.
create function authz._audit_hierarchy()
returns trigger
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
as $$
begin
  if tg_op <> 'INSERT' then
    perform authz._record_audit_event(
      'hierarchy_deleted', old.namespace, old.resource_type, old.permission, old.implies,
      'hierarchy', '', null, null, null, null, null
    );
  end if;
  if tg_op <> 'DELETE' then
    perform authz._record_audit_event(
      'hierarchy_created', new.namespace, new.resource_type, new.permission, new.implies,
      'hierarchy', '', null, null, null, null, null
    );
  end if;
  return null;
end
$$;

-- audit/_encode_audit_cursor.sql
-- authz._encode_audit_cursor: the place of an event in the audit as opaque text, exact to the microsecond.
create function authz._encode_audit_cursor(p_event_time timestamptz, p_id bigint)
returns text
language sql
stable
security invoker
set search_path = authz, pg_temp
as $$
  select rtrim(translate(encode(convert_to(
    json_build_array(to_char(p_event_time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p_id)::text, 'utf8'
  ), 'base64'), E'+/\n', '-_'), '=')
$$;

-- audit/_decode_audit_cursor.sql
-- authz._decode_audit_cursor: the place that a cursor stands for; null for null.
--
-- Raises   VAL_CURSOR_INVALID (22023)
create function authz._decode_audit_cursor(p_cursor text)
returns authz.audit_position
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_parts json;
  v_position authz.audit_position;
begin
  if p_cursor is null then
    return null;
  end if;
  -- Ours have about 70 characters; a text of any length could be nested deeper than the stack goes.
  if length(p_cursor) > 200 then
    raise invalid_parameter_value;
  end if;
  v_parts := convert_from(
    decode(rpad(translate(p_cursor, '-_', '+/'), (length(p_cursor) + 3) / 4 * 4, '='), 'base64'), 'utf8'
  )::json;
  v_position.event_time := (v_parts ->> 0)::timestamptz;
  v_position.id := (v_parts ->> 1)::bigint;
  if v_position.event_time is null or v_position.id is null then
    raise invalid_parameter_value;
  end if;
  return v_position;
exception
  when data_exception then
    raise exception 'cursor is not one that a page gave'
      using errcode = '22023', hint = 'postkit:authz:VAL_CURSOR_INVALID';
end
$$;

-- audit/get_audit_events.sql
-- authz.get_audit_events: a page of the audit, newest first.
--
-- Takes    p_limit                         events on the page, 1 to 1000
--          p_cursor                        cursor of the last event of the page before
--          p_event_type, p_actor_id        only these
--          p_resource_type, p_resource_id  only events on this resource, or on this type
--          p_subject_type, p_subject_id    only events of this subject, or of this type
--          p_namespace                     tenant; the transaction's by default
-- Returns  one row an event; ids as they were sent; cursor is opaque
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_CURSOR_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.get_audit_events(20, p_actor_id => 'user:admin');
create function authz.get_audit_events(
  p_limit int default 100,
  p_cursor text default null,
  p_event_type text default null,
  p_actor_id text default null,
  p_resource_type text default null,
  p_resource_id text default null,
  p_subject_type text default null,
  p_subject_id text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (
  id bigint,
  event_id uuid,
  event_type text,
  event_time timestamptz,
  actor_id text,
  request_id text,
  reason text,
  on_behalf_of text,
  session_user_name text,
  current_user_name text,
  client_addr text,
  application_name text,
  resource_type text,
  resource_id text,
  relation text,
  subject_type text,
  subject_id text,
  subject_relation text,
  tuple_id bigint,
  expires_at timestamptz,
  cursor text
)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_after authz.audit_position;
begin
  perform authz._validate_limit(p_limit);
  v_after := authz._decode_audit_cursor(p_cursor);
  perform authz._assert_readable(p_namespace);
  -- Dynamic, with only the conditions that were asked for: a filter that may be absent would cost the index.
  return query execute
    'select e.id, e.event_id, e.event_type::text, e.event_time, e.actor_id::text, e.request_id, e.reason,
       e.on_behalf_of, e.session_user_name, e.current_user_name, host(e.client_addr), e.application_name,
       e.resource_type::text, coalesce(e.resource_id_raw, e.resource_id)::text, e.relation::text,
       e.subject_type::text, coalesce(e.subject_id_raw, e.subject_id)::text, e.subject_relation::text,
       e.tuple_id, e.expires_at, authz._encode_audit_cursor(e.event_time, e.id)
     from authz.audit_events e
     where e.namespace = $1'
    || case when p_cursor is not null then ' and (e.event_time, e.id) < ($2, $3)' else '' end
    || case when p_event_type is not null then ' and e.event_type = $4' else '' end
    || case when p_actor_id is not null then ' and e.actor_id = $5' else '' end
    || case when p_resource_type is not null then ' and e.resource_type = $6' else '' end
    || case when p_resource_id is not null then ' and e.resource_id = normalize($7, nfc)' else '' end
    || case when p_subject_type is not null then ' and e.subject_type = $8' else '' end
    || case when p_subject_id is not null then ' and e.subject_id = normalize($9, nfc)' else '' end
    || ' order by e.event_time desc, e.id desc limit $10'
  using p_namespace, v_after.event_time, v_after.id, p_event_type, p_actor_id,
    p_resource_type, p_resource_id, p_subject_type, p_subject_id, p_limit;
end
$$;

-- audit/_audit_partitions.sql
-- authz._audit_partitions: the partitions of the audit but the default one, with the times they are for.
--
-- Returns  from_time and to_time as in a range: null where there is no bound
create function authz._audit_partitions()
returns table (partition_name text, from_time timestamptz, to_time timestamptz)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
begin
  return query
    select c.relname::text,
      substring(b.bounds from 'FROM \(''([^'']*)''\)')::timestamptz,
      substring(b.bounds from 'TO \(''([^'']*)''\)')::timestamptz
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    cross join lateral pg_catalog.pg_get_expr(c.relpartbound, c.oid) b (bounds)
    where i.inhparent = 'authz.audit_events'::regclass
      and b.bounds <> 'DEFAULT';
end
$$;

-- audit/_attach_audit_partition.sql
-- authz._attach_audit_partition: makes a partition, with the events of its time that fell into the default one.
--
-- Filled before it is attached, since its time may not overlap what the default partition holds. The caller holds the
-- locks, runs as the owner, and has the time zone and the date style in which times can be written without a doubt.
create function authz._attach_audit_partition(p_name text, p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_grantee text;
begin
  execute format('create table authz.%I (like authz.audit_events including defaults including constraints)', p_name);
  -- What ALTER DEFAULT PRIVILEGES gives with every new table.
  for v_grantee in
    select distinct case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    from pg_catalog.pg_class c
    cross join lateral pg_catalog.aclexplode(c.relacl) a
    where c.oid = to_regclass(format('authz.%I', p_name)) and a.grantee <> c.relowner
  loop
    execute format('revoke all on authz.%I from %s', p_name, v_grantee);
  end loop;

  perform set_config('postkit.maintenance', 'on', true);
  execute format(
    'with moved as (
       delete from authz.audit_events e where e.event_time >= %L and e.event_time < %L returning e.*
     )
     insert into authz.%I select m.* from moved m',
    p_from, p_to, p_name
  );
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);

  execute format('alter table authz.%I enable row level security, force row level security', p_name);
  execute format(
    'alter table authz.audit_events attach partition authz.%I for values from (%L) to (%L)', p_name, p_from, p_to
  );
end
$$;

-- audit/create_audit_partition.sql
-- authz.create_audit_partition: makes the partition of the audit for a month, in UTC.
--
-- Events of that month which fell into the default partition for want of one move along. Grants that come meanwhile
-- wait, and none fails. For a month that is under way or over, those that are under way end first: set lock_timeout
-- where transactions may stay open, and call it in a transaction of its own.
--
-- Takes    p_year   1970 to 9999
--          p_month  1 to 12
-- Returns  the partition's name, audit_events_y2026m01; null when it is there already
-- Raises   VAL_YEAR_OUT_OF_RANGE (22023) · VAL_MONTH_OUT_OF_RANGE (22023)
-- Writes   authz.audit_events · Locks authz.audit_events, authz.audit_events_default
-- Example  select authz.create_audit_partition(2026, 1);
create function authz.create_audit_partition(p_year int, p_month int)
returns text
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
  v_from timestamptz;
  v_name text;
begin
  if p_year is null or p_year not between 1970 and 9999 then
    raise exception 'year must be from 1970 to 9999'
      using errcode = '22023', hint = 'postkit:authz:VAL_YEAR_OUT_OF_RANGE';
  end if;
  if p_month is null or p_month not between 1 and 12 then
    raise exception 'month must be from 1 to 12'
      using errcode = '22023', hint = 'postkit:authz:VAL_MONTH_OUT_OF_RANGE';
  end if;
  v_from := make_timestamptz(p_year, p_month, 1, 0, 0, 0);
  v_name := to_char(v_from, '"audit_events_y"YYYY"m"MM');
  if exists (select from authz._audit_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  -- An event on its way into the default partition is refused there once its month has a partition. So where one may
  -- come it has to wait at the parent, before it chose; so do readers, lest one that goes on to write meets us midway.
  if v_from > clock_timestamp() + interval '1 day' then
    lock table only authz.audit_events in share update exclusive mode;
  else
    lock table only authz.audit_events in access exclusive mode;
  end if;
  lock table authz.audit_events_default in access exclusive mode;
  if exists (select from authz._audit_partitions() p where p.partition_name = v_name) then
    return null;
  end if;

  perform authz._attach_audit_partition(v_name, v_from, v_from + interval '1 month');
  return v_name;
end
$$;

-- audit/ensure_audit_partitions.sql
-- authz.ensure_audit_partitions: makes the partitions of the audit that are missing, from this month on.
--
-- Runs at install, and should from then on every month or more often: as authz.create_audit_partition, month by month.
--
-- Takes    p_months_ahead  how many months after this one, 0 to 120
-- Returns  the names of the partitions it made
-- Raises   VAL_MONTH_OUT_OF_RANGE (22023)
-- Writes   authz.audit_events · Locks authz.audit_events, authz.audit_events_default, when one is missing
-- Example  select * from authz.ensure_audit_partitions();
create function authz.ensure_audit_partitions(p_months_ahead int default 3)
returns setof text
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
as $$
declare
  v_month timestamptz;
  v_name text;
begin
  if p_months_ahead is null or p_months_ahead not between 0 and 120 then
    raise exception 'months_ahead must be from 0 to 120'
      using errcode = '22023', hint = 'postkit:authz:VAL_MONTH_OUT_OF_RANGE';
  end if;
  -- This month first: it takes the strongest locks, and these are never taken after weaker ones.
  for v_month in
    select m
    from generate_series(0, p_months_ahead) i
    cross join lateral (select date_trunc('month', clock_timestamp()) + make_interval(months => i)) s (m)
    order by i
  loop
    v_name := authz.create_audit_partition(extract(year from v_month)::int, extract(month from v_month)::int);
    if v_name is not null then
      return next v_name;
    end if;
  end loop;
end
$$;

-- audit/drop_audit_partitions.sql
-- authz.drop_audit_partitions: ends the retention of old events, by whole months in UTC.
--
-- A partition goes when its last event is older than that. One that is not named after its month is left alone, with a
-- WARNING; so are events in the default partition, until their month gets its own. Who reads or writes the audit
-- meanwhile waits, and those under way end first: set lock_timeout where transactions may stay open, and call it in a
-- transaction of its own.
--
-- Takes    p_older_than_months  how many months are kept before this one, 0 to 1200
-- Returns  the names of the partitions that are gone
-- Raises   VAL_MONTH_OUT_OF_RANGE (22023)
-- Writes   authz.audit_events · Locks authz.audit_events, authz.audit_events_default, when one goes
-- Example  select * from authz.drop_audit_partitions(24);
create function authz.drop_audit_partitions(p_older_than_months int default 84)
returns setof text
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
as $$
declare
  v_end timestamptz;
  v_partition record;
begin
  if p_older_than_months is null or p_older_than_months not between 0 and 1200 then
    raise exception 'older_than_months must be from 0 to 1200'
      using errcode = '22023', hint = 'postkit:authz:VAL_MONTH_OUT_OF_RANGE';
  end if;
  v_end := date_trunc('month', clock_timestamp()) - make_interval(months => p_older_than_months);
  for v_partition in
    select p.partition_name, p.to_time,
      coalesce(
        p.from_time = date_trunc('month', p.from_time)
          and p.to_time = p.from_time + interval '1 month'
          and p.partition_name = to_char(p.from_time, '"audit_events_y"YYYY"m"MM'),
        false
      ) as is_month
    from authz._audit_partitions() p
    order by p.from_time nulls first, p.partition_name
  loop
    if not v_partition.is_month then
      raise warning 'partition % is not named after its month and is left alone', v_partition.partition_name;
    elsif v_partition.to_time <= v_end then
      lock table only authz.audit_events in access exclusive mode;
      -- Another call may have dropped it while this one waited.
      if to_regclass(format('authz.%I', v_partition.partition_name)) is not null then
        execute format('alter table authz.audit_events detach partition authz.%I', v_partition.partition_name);
        execute format('drop table authz.%I', v_partition.partition_name);
        return next v_partition.partition_name;
      end if;
    end if;
  end loop;
end
$$;

-- audit/_audit_default_has_rows.sql
-- authz._audit_default_has_rows: whether events of any tenant are in the audit's default partition.
--
-- Tells no more than that, so that every application may ask. Partitions have no policy, by which they can be reached
-- through their parent alone: so it is asked for the times that no other partition is for.
create function authz._audit_default_has_rows()
returns boolean
language plpgsql
volatile
security definer
set search_path = authz, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_times text;
  v_has_rows boolean;
begin
  select string_agg(
    concat_ws(
      ' and ',
      'true',
      'e.event_time >= ' || quote_literal(lower(g.gap)),
      'e.event_time < ' || quote_literal(upper(g.gap))
    ),
    ' or '
  )
  into v_times
  from unnest(
    '{(,)}'::tstzmultirange
    - (select coalesce(range_agg(tstzrange(p.from_time, p.to_time)), '{}') from authz._audit_partitions() p)
  ) g (gap);

  perform set_config('postkit.maintenance', 'on', true);
  execute 'select exists (select from authz.audit_events e where ' || coalesce(v_times, 'false') || ')'
  into v_has_rows;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
  return v_has_rows;
end
$$;

-- audit/install.sql
do $$
begin
  perform authz.ensure_audit_partitions();
end
$$;

-- graph/tables.sql
-- One row a namespace: what reads need to know of its groups, and the lock that writers of structural edges take in turn.
create table authz.graph_state (
  namespace text collate "C" not null,
  version bigint not null default 1,
  group_types text[] not null default '{}',
  constraint graph_state_pkey primary key (namespace)
);

comment on table authz.graph_state is 'Version of the group and container graph of a namespace; its row lock orders structural writes';
comment on column authz.graph_state.group_types is 'Types of subjects that may stand for others: what is held on any other type is no membership';

alter table authz.graph_state enable row level security;
alter table authz.graph_state force row level security;

create policy graph_state_tenant_isolation on authz.graph_state
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy graph_state_maintenance on authz.graph_state to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- Which types contain which. While a type can never, over any number of types, contain itself, its edges cannot close
-- a cycle: their writers share the row's lock instead of taking turns.
create table authz.type_edges (
  namespace text collate "C" not null,
  child_type text collate "C" not null,
  parent_type text collate "C" not null,
  is_cyclic boolean not null,
  constraint type_edges_pkey primary key (namespace, child_type, parent_type)
);

comment on table authz.type_edges is 'Types of resources that have parents, with the types of these; is_cyclic when the types lead back to themselves';

alter table authz.type_edges enable row level security;
alter table authz.type_edges force row level security;

create policy type_edges_tenant_isolation on authz.type_edges
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy type_edges_maintenance on authz.type_edges to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

-- graph/_lock_graph.sql
-- authz._lock_graph: lets one transaction at a time change the groups and containers of a namespace.
--
-- A row lock rather than an advisory one: under repeatable read the second writer fails with 40001 instead of
-- testing for cycles in a snapshot that misses the first one's edge. Taken before any other lock, by writes and
-- deletes alike, so that structural transactions never wait for each other in a circle. Outside the tenant there is
-- nothing to change and nothing to lock.
create function authz._lock_graph(p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  if not authz._is_tenant(p_namespace) then
    return;
  end if;
  insert into authz.graph_state as g (namespace)
  values (p_namespace)
  on conflict (namespace) do update set version = g.version + 1;
end
$$;

-- graph/_container_types.sql
-- authz._container_types: the types that may contain a type, over any number of others.
create function authz._container_types(p_type text, p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    with recursive around (type) as (
      select e.parent_type
      from authz.type_edges e
      where e.namespace = p_namespace
        and e.child_type = p_type
      union
      select e.parent_type
      from around a
      join authz.type_edges e
        on e.namespace = p_namespace
        and e.child_type = a.type
    )
    select a.type from around a
  );
end
$$;

-- graph/_register_type_edge.sql
-- authz._register_type_edge: remembers that resources of one type have parents of another.
--
-- When that lets types lead back to themselves, every pair on the way becomes cyclic. Waiting for its row waits for
-- those who wrote such edges without a cycle test; a snapshot from before would still not see them, so that this one
-- edge, the first of its kind in the namespace, needs read committed.
--
-- Raises   BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.type_edges · Locks authz.graph_state
create function authz._register_type_edge(p_child_type text, p_parent_type text, p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_is_cyclic boolean;
begin
  if not authz._is_tenant(p_namespace) then
    return;
  end if;
  perform authz._lock_graph(p_namespace);
  v_is_cyclic := p_child_type = p_parent_type
    or p_child_type = any (authz._container_types(p_parent_type, p_namespace));
  insert into authz.type_edges (namespace, child_type, parent_type, is_cyclic)
  values (p_namespace, p_child_type, p_parent_type, v_is_cyclic)
  on conflict (namespace, child_type, parent_type) do nothing;
  if not v_is_cyclic then
    return;
  end if;

  update authz.type_edges e
  set is_cyclic = true
  where e.namespace = p_namespace
    and not e.is_cyclic
    and e.child_type = any (authz._container_types(e.parent_type, p_namespace));
  if found and current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    raise exception 'the first parent edge that lets resources of these types contain each other needs read committed'
      using errcode = '25001', hint = 'postkit:authz:BIZ_ISOLATION_LEVEL';
  end if;
end
$$;

-- graph/_register_types.sql
-- authz._register_types: row trigger that keeps what is known of types complete, whoever writes a tuple.
--
-- Types are never forgotten: one too many costs a probe, one too few would lose access.
create function authz._register_types()
returns trigger
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_group_type text := case when new.resource_type = 'user' then 'user' else new.subject_type end;
begin
  if new.relation = 'parent' then
    perform
    from authz.type_edges e
    where e.namespace = new.namespace
      and e.child_type = new.resource_type
      and e.parent_type = new.subject_type
    for share;
    if not found then
      perform authz._register_type_edge(new.resource_type, new.subject_type, new.namespace);
    end if;
    return new;
  end if;

  if not exists (
    select
    from authz.graph_state g
    where g.namespace = new.namespace
      and g.group_types @> array[new.subject_type, v_group_type]
  ) then
    perform authz._lock_graph(new.namespace);
    update authz.graph_state g
    set group_types = array(select distinct unnest(g.group_types || array[new.subject_type, v_group_type]))
    where g.namespace = new.namespace
      and not g.group_types @> array[new.subject_type, v_group_type];
  end if;
  return new;
end
$$;

-- graph/_lock_if_structural.sql
-- authz._lock_if_structural: takes the locks that an edge which nests groups or resources needs, before it is touched.
--
-- The edge of a resource whose type can never contain itself needs no turn: it shares the lock of its pair of types,
-- which whoever makes the types lead back to themselves must have alone.
--
-- Returns  whether the edge could close a cycle; null when there was never a parent edge of these types
-- Locks    the row of authz.graph_state, or the pair's of authz.type_edges shared
create function authz._lock_if_structural(
  p_resource_type text,
  p_relation text,
  p_subject_type text,
  p_namespace text
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_is_cyclic boolean;
begin
  if p_relation = 'member' and p_subject_type <> 'user' then
    perform authz._lock_graph(p_namespace);
    return true;
  end if;
  if p_relation <> 'parent' then
    return false;
  end if;

  select e.is_cyclic
  into v_is_cyclic
  from authz.type_edges e
  where e.namespace = p_namespace
    and e.child_type = p_resource_type
    and e.parent_type = p_subject_type
  for share;
  if v_is_cyclic then
    perform authz._lock_graph(p_namespace);
  end if;
  return v_is_cyclic;
end
$$;

-- graph/_lock_edges.sql
-- authz._lock_edges: takes the locks that several kinds of edges need, before any of them is touched.
--
-- More than one kind that nests groups or resources takes the lock of the graph, whatever each would need: taking it
-- after one that is shared could end in a deadlock.
--
-- Takes    p_kinds  resource type, relation and subject type of each, with a space between; identifiers have none
-- Locks    the row of authz.graph_state, or as authz._lock_if_structural for one kind
create function authz._lock_edges(p_kinds text[], p_namespace text)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_structural text[] := array(
    select distinct k.kind
    from unnest(p_kinds) k (kind)
    where split_part(k.kind, ' ', 2) = 'parent'
      or (split_part(k.kind, ' ', 2) = 'member' and split_part(k.kind, ' ', 3) <> 'user')
  );
begin
  if cardinality(v_structural) > 1 then
    perform authz._lock_graph(p_namespace);
  elsif cardinality(v_structural) = 1 then
    perform authz._lock_if_structural(
      split_part(v_structural[1], ' ', 1), split_part(v_structural[1], ' ', 2),
      split_part(v_structural[1], ' ', 3), p_namespace
    );
  end if;
end
$$;

-- graph/_lock_new_types.sql
-- authz._lock_new_types: takes the lock of the graph when grants that are to be written name types that are new to it.
--
-- Before any row is held: authz._register_types, which learns the types, would wait for the lock with rows in hand.
--
-- Takes    p_subject_types, p_subject_relations  one element of each a grant, of any relation but 'parent'
-- Locks    the row of authz.graph_state, once per new type
create function authz._lock_new_types(
  p_resource_type text,
  p_subject_types text[],
  p_subject_relations text[],
  p_namespace text
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_group_types text[] := array(
    select distinct g.type
    from unnest(p_subject_types, p_subject_relations) s (type, relation)
    cross join lateral (values (s.type), (case when p_resource_type = 'user' then 'user' else s.type end)) g (type)
    where s.type <> 'user'
      or s.relation <> ''
      or p_resource_type = 'user'
  );
begin
  if cardinality(v_group_types) > 0 and not exists (
    select
    from authz.graph_state g
    where g.namespace = p_namespace
      and g.group_types @> v_group_types
  ) then
    perform authz._lock_graph(p_namespace);
  end if;
end
$$;

-- tuples/tables.sql
-- Ids are kept and compared in Unicode form NFC; what the caller sent stays in *_raw where it differs.
create table authz.tuples (
  namespace text collate "C" not null default 'default',
  id bigint generated always as identity,
  resource_type text collate "C" not null,
  resource_id text collate "C" not null,
  relation text collate "C" not null,
  subject_type text collate "C" not null,
  subject_id text collate "C" not null,
  subject_relation text collate "C",
  resource_id_raw text collate "C",
  subject_id_raw text collate "C",
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  constraint tuples_pkey primary key (namespace, id),
  constraint tuples_subject_relation_is_null_or_named check (subject_relation <> ''),
  constraint tuples_resource_id_is_nfc check (resource_id is nfc normalized),
  constraint tuples_subject_id_is_nfc check (subject_id is nfc normalized),
  constraint tuples_resource_id_raw_is_the_same_id check (normalize(resource_id_raw, nfc) = resource_id),
  constraint tuples_subject_id_raw_is_the_same_id check (normalize(subject_id_raw, nfc) = subject_id)
);

comment on table authz.tuples is 'Resource has relation to subject, optionally only to holders of subject_relation on it, optionally until expires_at';

-- What is held on a resource, by whom: checks probe it, pages of subjects read it in order.
create unique index tuples_key_idx on authz.tuples
  (namespace, resource_type, resource_id, subject_type, subject_id, relation, coalesce(subject_relation, ''));

-- What a subject holds, by type of resource: memberships, children of a container, pages of resources. Either index
-- finds a grant of known ends at once, so that it does not matter which the planner takes.
create index tuples_subject_idx on authz.tuples
  (namespace, subject_type, subject_id, resource_type, resource_id, relation)
  include (subject_relation, expires_at);

create index tuples_parent_idx on authz.tuples (namespace, resource_type, resource_id)
  include (subject_type, subject_id, subject_relation, expires_at)
  where relation = 'parent';

-- Edges of groups in groups, and grants to groups: few among the many of users, so that these stay small and in memory.
create index tuples_nesting_idx on authz.tuples (namespace, subject_type, subject_id)
  include (resource_type, resource_id, subject_relation, expires_at)
  where relation = 'member' and (subject_type <> 'user' or subject_relation is not null);

create index tuples_set_idx on authz.tuples (namespace, resource_type, resource_id)
  include (relation, subject_type, subject_id, subject_relation, expires_at)
  where relation <> 'parent' and (subject_type <> 'user' or subject_relation is not null);

create index tuples_resource_id_raw_idx on authz.tuples (namespace, resource_type, resource_id)
  where resource_id_raw is not null;

-- Finds a recipient's grants in all namespaces. Under another name of the same collation, as no other query asks for
-- it: being small, it would tempt the planner away from tuples_subject_idx, which also has the relation.
create index tuples_recipient_idx on authz.tuples (subject_id collate "POSIX", subject_type, namespace);

create index tuples_expires_at_idx on authz.tuples (namespace, expires_at) where expires_at is not null;

alter table authz.tuples enable row level security;
alter table authz.tuples force row level security;

create policy tuples_tenant_isolation on authz.tuples
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy tuples_maintenance on authz.tuples to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create trigger tuples_audit
  after insert or update or delete on authz.tuples
  for each row execute function authz._audit_tuple();

create trigger tuples_types
  before insert or update of namespace, resource_type, relation, subject_type, subject_relation on authz.tuples
  for each row
  when (
    new.relation = 'parent'
    or new.subject_type <> 'user'
    or new.subject_relation is not null
    or new.resource_type = 'user'
  )
  execute function authz._register_types();

-- graph/_reaches_group.sql
-- authz._reaches_group: whether one group is, through member edges, inside another.
--
-- Ignores expiry: an edge that is over may be given a new expiry. Bounded by the number of groups, since union
-- visits each once. A user is no group here, as in the test of what is written, so that order does not matter.
create function authz._reaches_group(
  p_from_type text,
  p_from_id text,
  p_to_type text,
  p_to_id text,
  p_namespace text
)
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return exists (
    with recursive reached (type, id) as (
      select p_from_type collate "C", p_from_id collate "C"
      union
      select t.resource_type, t.resource_id
      from reached r
      join authz.tuples t
        on t.namespace = p_namespace
        and t.subject_type = r.type
        and t.subject_id = r.id
        and t.subject_type <> 'user'
        and t.relation = 'member'
    )
    select from reached r where r.type = p_to_type and r.id = p_to_id
  );
end
$$;

-- graph/_reaches_resource.sql
-- authz._reaches_resource: whether one resource is, through parent edges, inside another. Ignores expiry.
create function authz._reaches_resource(
  p_from_type text,
  p_from_id text,
  p_to_type text,
  p_to_id text,
  p_namespace text
)
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return exists (
    with recursive reached (type, id) as (
      select p_from_type collate "C", p_from_id collate "C"
      union
      select t.subject_type, t.subject_id
      from reached r
      join authz.tuples t
        on t.namespace = p_namespace
        and t.resource_type = r.type
        and t.resource_id = r.id
        and t.relation = 'parent'
    )
    select from reached r where r.type = p_to_type and r.id = p_to_id
  );
end
$$;

-- graph/_assert_not_self.sql
-- authz._assert_not_self: refuses an edge from a group or a resource to itself.
--
-- Raises   BIZ_SELF_MEMBERSHIP (PK001) · BIZ_SELF_PARENT (PK001)
create function authz._assert_not_self(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text
)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_resource_type <> p_subject_type or p_resource_id <> p_subject_id then
    return;
  end if;
  if p_relation = 'member' and p_subject_type <> 'user' then
    raise exception 'a group cannot be a member of itself'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_SELF_MEMBERSHIP';
  end if;
  if p_relation = 'parent' then
    raise exception 'a resource cannot be its own parent'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_SELF_PARENT';
  end if;
end
$$;

-- graph/_assert_no_cycle.sql
-- authz._assert_no_cycle: refuses an edge that would put a group or a resource inside itself through others.
--
-- The caller holds the lock of the graph.
--
-- Raises   BIZ_CYCLE_GROUP (PK001) · BIZ_CYCLE_RESOURCE (PK001)
create function authz._assert_no_cycle(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text
)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_relation = 'member' and p_subject_type <> 'user'
    and authz._reaches_group(p_resource_type, p_resource_id, p_subject_type, p_subject_id, p_namespace)
  then
    raise exception 'this membership would make a cycle of groups'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_GROUP';
  end if;
  if p_relation = 'parent'
    and authz._reaches_resource(p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace)
  then
    raise exception 'this parent would make a cycle of resources'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_RESOURCE';
  end if;
end
$$;

-- graph/_lock_new_edge.sql
-- authz._lock_new_edge: takes the locks for a tuple that is to be written, and refuses one that would close a cycle.
--
-- Raises   BIZ_CYCLE_GROUP (PK001) · BIZ_CYCLE_RESOURCE (PK001) · BIZ_ISOLATION_LEVEL (25001)
create function authz._lock_new_edge(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_may_cycle boolean := authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);
begin
  if v_may_cycle is null then
    perform authz._register_type_edge(p_resource_type, p_subject_type, p_namespace);
  end if;
  if v_may_cycle is distinct from false then
    perform authz._assert_no_cycle(
      p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, p_namespace
    );
  end if;
end
$$;

-- graph/_group_types_in_use.sql
-- authz._group_types_in_use: the types that authz._register_types would know as groups, from the tuples themselves.
create function authz._group_types_in_use(p_namespace text)
returns text[]
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    select t.subject_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation <> 'parent'
      and (t.subject_type <> 'user' or t.subject_relation is not null)
    union
    select t.resource_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation <> 'parent'
      and t.resource_type = 'user'
  );
end
$$;

-- graph/rebuild_graph.sql
-- authz.rebuild_graph: adds what is missing to what is known of types: which are groups and which contain which.
--
-- Needed after tuples were loaded with triggers off, as authz.verify_integrity tells. Forgets nothing, so that it is
-- safe at any time: a transaction that is under way may rely on what it saw.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.type_edges · Locks authz.graph_state
-- Example  select authz.rebuild_graph();
create function authz.rebuild_graph(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns void
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_edge record;
begin
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant(p_namespace);
  perform authz._lock_graph(p_namespace);
  update authz.graph_state g
  set group_types = array(select distinct unnest(g.group_types || authz._group_types_in_use(p_namespace)))
  where g.namespace = p_namespace
    and not authz._group_types_in_use(p_namespace) <@ g.group_types;

  for v_edge in
    select distinct t.resource_type, t.subject_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation = 'parent'
      and not exists (
        select
        from authz.type_edges e
        where e.namespace = p_namespace
          and e.child_type = t.resource_type
          and e.parent_type = t.subject_type
      )
  loop
    perform authz._register_type_edge(v_edge.resource_type, v_edge.subject_type, p_namespace);
  end loop;
end
$$;

-- tuples/write_tuple.sql
-- authz.write_tuple: grants a relation on a resource to a subject, or to the holders of a relation on it.
--
-- Granting again keeps the stored expiry of a live grant, and revives an expired one with the new expiry.
--
-- Takes    p_resource_type, p_resource_id  what the grant is on
--          p_relation                      the permission; 'member' nests groups, 'parent' nests resources
--          p_subject_type, p_subject_id    who gets it
--          p_subject_relation              only those who hold this relation on the subject; null or '' for itself
--          p_namespace                     tenant; the transaction's by default
--          p_expires_at                    end of the grant; none by default, as with 'infinity'
-- Returns  the tuple's id, the existing one on a repeat
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · VAL_EXPIRATION_FUTURE (23514)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_SELF_MEMBERSHIP (PK001)
--          · BIZ_CYCLE_GROUP (PK001) · BIZ_SELF_PARENT (PK001) · BIZ_CYCLE_RESOURCE (PK001)
--          · BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable containers
-- Example  select authz.write_tuple('doc', '1', 'read', 'team', 'eng', 'member');
create function authz.write_tuple(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_expires_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := nullif(p_subject_relation, '');
  v_resource_id text;
  v_subject_id text;
  v_tuple_id bigint;
  v_stored_expires_at timestamptz;
  v_expires_at timestamptz := nullif(p_expires_at, 'infinity');
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if v_subject_relation is not null then
    perform authz._validate_identifier(v_subject_relation, 'subject_relation');
  end if;
  v_resource_id := normalize(p_resource_id, nfc);
  v_subject_id := normalize(p_subject_id, nfc);
  perform authz._validate_key_size(
    p_namespace, p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id, v_subject_relation
  );
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_not_self(p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id);
  perform authz._lock_new_edge(p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id, p_namespace);

  -- A grant that is deleted between the insert and the read is tried again; three lost races are a conflict.
  for v_round in 1..3 loop
    insert into authz.tuples (
      namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
      resource_id_raw, subject_id_raw, expires_at
    )
    values (
      p_namespace, p_resource_type, v_resource_id, p_relation, p_subject_type, v_subject_id, v_subject_relation,
      nullif(p_resource_id, v_resource_id), nullif(p_subject_id, v_subject_id), v_expires_at
    )
    on conflict (
      namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, '')
    ) do nothing
    returning id into v_tuple_id;
    if v_tuple_id is not null then
      perform authz._validate_expiration(v_expires_at);
      return v_tuple_id;
    end if;

    select t.id, t.expires_at
    into v_tuple_id, v_stored_expires_at
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = v_resource_id
      and t.relation = p_relation
      and t.subject_type = p_subject_type
      and t.subject_id = v_subject_id
      and coalesce(t.subject_relation, '') = coalesce(v_subject_relation, '')
    for key share;
    if v_tuple_id is not null and (v_stored_expires_at is null or v_stored_expires_at > now()) then
      return v_tuple_id;
    end if;
    if v_tuple_id is not null then
      perform authz._validate_expiration(v_expires_at);
      update authz.tuples t
      set expires_at = v_expires_at
      where t.namespace = p_namespace
        and t.id = v_tuple_id
        and t.expires_at <= now();
      return v_tuple_id;
    end if;
  end loop;
  raise exception 'the grant changed under three attempts to write it: try again' using errcode = '40001';
end
$$;

-- tuples/write.sql
-- authz.write: grants a relation on a resource to a subject itself.
--
-- Takes    as authz.write_tuple, without p_subject_relation
-- Returns  the tuple's id, the existing one on a repeat
-- Raises   as authz.write_tuple
-- Writes   authz.tuples, authz.audit_events · Locks as authz.write_tuple
-- Example  select authz.write('repo', 'api', 'admin', 'user', 'alice');
create function authz.write(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_expires_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  return authz.write_tuple(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_namespace, p_expires_at
  );
end
$$;

-- tuples/delete_tuple.sql
-- authz.delete_tuple: takes a grant back.
--
-- Takes    as authz.write_tuple; a null and an empty p_subject_relation are the same
-- Returns  whether there was such a grant
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable containers
-- Example  select authz.delete_tuple('doc', '1', 'read', 'team', 'eng', 'member');
create function authz.delete_tuple(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := coalesce(p_subject_relation, '');
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if v_subject_relation <> '' then
    perform authz._validate_identifier(v_subject_relation, 'subject_relation');
  end if;
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);
  perform authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);

  delete from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation = p_relation
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and coalesce(t.subject_relation, '') = v_subject_relation;
  return found;
end
$$;

-- tuples/delete.sql
-- authz.delete: takes back a grant to a subject itself.
--
-- Takes    as authz.delete_tuple, without p_subject_relation
-- Returns  whether there was such a grant
-- Raises   as authz.delete_tuple
-- Writes   authz.tuples, authz.audit_events · Locks as authz.delete_tuple
-- Example  select authz.delete('repo', 'api', 'admin', 'user', 'alice');
create function authz.delete(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  return authz.delete_tuple(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_namespace
  );
end
$$;

-- tuples/_delete_tuples.sql
-- authz._delete_tuples: deletes rows that the caller has found, and whose edges it has locked.
--
-- Locks them first, in the order of their keys, as every call does that changes many: two that meet wait for each
-- other and do not deadlock. What is gone by then, or was given a new end when only ended ones are to go, is left out.
--
-- Returns  how many were deleted
-- Locks    the rows
create function authz._delete_tuples(p_ids bigint[], p_namespace text, p_is_ended_only boolean)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_count int;
begin
  v_ids := array(
    select t.id
    from authz.tuples t
    where t.namespace = p_namespace
      and t.id = any(p_ids)
      and (not p_is_ended_only or t.expires_at <= now())
    order by t.resource_type, t.resource_id, t.subject_type, t.subject_id, t.relation, coalesce(t.subject_relation, '')
    for update
  );
  delete from authz.tuples t
  where t.namespace = p_namespace
    and t.id = any(v_ids);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- tuples/_assert_bulk_relation.sql
-- authz._assert_bulk_relation: refuses edges of the graph where many grants are written at once.
--
-- Raises   BIZ_BULK_GROUP_MEMBERSHIP (0A000) · BIZ_BULK_PARENT_RELATION (0A000)
create function authz._assert_bulk_relation(p_relation text, p_subject_type text)
returns void
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_relation = 'member' and p_subject_type <> 'user' then
    raise exception 'groups become members of a group one at a time, not in bulk'
      using errcode = '0A000', hint = 'postkit:authz:BIZ_BULK_GROUP_MEMBERSHIP';
  end if;
  if p_relation = 'parent' then
    raise exception 'resources are put into a parent one at a time, not in bulk'
      using errcode = '0A000', hint = 'postkit:authz:BIZ_BULK_PARENT_RELATION';
  end if;
end
$$;

-- tuples/_write_tuples.sql
-- authz._write_tuples: writes one relation for many pairs of a resource and a subject, which the caller has validated.
--
-- One statement in the order of the keys, so that two that meet wait for each other and do not deadlock. Keeps the
-- expiry of live grants and revives ended ones for good.
--
-- Takes    p_resource_ids, p_subject_types, p_subject_ids, p_subject_relations  one element a pair
-- Returns  how many were written or revived
-- Raises   VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
--          · BIZ_BULK_GROUP_MEMBERSHIP (0A000) · BIZ_BULK_PARENT_RELATION (0A000)
create function authz._write_tuples(
  p_resource_type text,
  p_resource_ids text[],
  p_relation text,
  p_subject_types text[],
  p_subject_ids text[],
  p_subject_relations text[],
  p_namespace text
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int;
begin
  perform authz._validate_key_size(
    p_namespace, p_resource_type, normalize(g.resource_id, nfc), p_relation, g.subject_type,
    normalize(g.subject_id, nfc), g.subject_relation
  )
  from unnest(p_resource_ids, p_subject_types, p_subject_ids, p_subject_relations)
    g (resource_id, subject_type, subject_id, subject_relation);
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_bulk_relation(p_relation, k.subject_type)
  from (select 'user' union select s.subject_type from unnest(p_subject_types) s (subject_type)) k (subject_type);
  perform authz._lock_new_types(p_resource_type, p_subject_types, p_subject_relations, p_namespace);

  insert into authz.tuples as t (
    namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
    resource_id_raw, subject_id_raw
  )
  select
    p_namespace, p_resource_type, k.resource_id, p_relation, k.subject_type, k.subject_id, k.subject_relation,
    nullif(k.resource_id_raw, k.resource_id), nullif(k.subject_id_raw, k.subject_id)
  from (
    -- Of two spellings of one id the first stays.
    select distinct on (1, 2, 3, coalesce(g.subject_relation, '') collate "C")
      normalize(g.resource_id, nfc) collate "C" as resource_id,
      g.subject_type collate "C" as subject_type,
      normalize(g.subject_id, nfc) collate "C" as subject_id,
      nullif(g.subject_relation, '') collate "C" as subject_relation,
      g.resource_id as resource_id_raw,
      g.subject_id as subject_id_raw
    from unnest(p_resource_ids, p_subject_types, p_subject_ids, p_subject_relations) with ordinality
      g (resource_id, subject_type, subject_id, subject_relation, position)
    order by 1, 2, 3, coalesce(g.subject_relation, '') collate "C", g.position
  ) k
  order by k.resource_id, k.subject_type, k.subject_id, coalesce(k.subject_relation, '')
  on conflict (
    namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, '')
  ) do update set expires_at = null where t.expires_at <= now();
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- tuples/write_tuples_bulk.sql
-- authz.write_tuples_bulk: grants a relation on a resource to many subjects of one type, all or none.
--
-- Granting again keeps the stored expiry of a live grant, and revives an ended one for good.
--
-- Takes    p_resource_type, p_resource_id  what the grants are on
--          p_relation                      the permission, or 'member' for users; not 'parent'
--          p_subject_type                  type of all subjects
--          p_subject_ids                   at most 1000; duplicates are one, null is none
--          p_namespace                     tenant; the transaction's by default
-- Returns  how many grants are new or revived
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023) · VAL_KEY_TOO_LONG (22001)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_BULK_GROUP_MEMBERSHIP (0A000)
--          · BIZ_BULK_PARENT_RELATION (0A000)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for a new type,
--          grants that are there already
-- Example  select authz.write_tuples_bulk('doc', '1', 'read', 'user', array['alice', 'bob']);
create function authz.write_tuples_bulk(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_ids text[],
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int := coalesce(cardinality(p_subject_ids), 0);
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_elements(p_subject_ids, 'subject_ids', 'id');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_bulk_relation(p_relation, p_subject_type);
  return authz._write_tuples(
    p_resource_type, array_fill(p_resource_id, array[v_count]), p_relation,
    array_fill(p_subject_type, array[v_count]), p_subject_ids, array_fill(null::text, array[v_count]), p_namespace
  );
end
$$;

-- tuples/grant_to_resources_bulk.sql
-- authz.grant_to_resources_bulk: grants a subject a relation on many resources of one type, all or none.
--
-- Granting again keeps the stored expiry of a live grant, and revives an ended one for good.
--
-- Takes    p_resource_type                 type of all resources
--          p_resource_ids                  at most 1000; duplicates are one, null is none
--          p_relation                      the permission, or 'member' for users; not 'parent'
--          p_subject_type, p_subject_id    who gets it
--          p_subject_relation              only those who hold this relation on the subject; null or '' for itself
--          p_namespace                     tenant; the transaction's by default
-- Returns  how many grants are new or revived
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023) · VAL_KEY_TOO_LONG (22001)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_BULK_GROUP_MEMBERSHIP (0A000)
--          · BIZ_BULK_PARENT_RELATION (0A000)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for a new type,
--          grants that are there already
-- Example  select authz.grant_to_resources_bulk('doc', array['1', '2'], 'read', 'team', 'eng', 'member');
create function authz.grant_to_resources_bulk(
  p_resource_type text,
  p_resource_ids text[],
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_subject_relation text default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int := coalesce(cardinality(p_resource_ids), 0);
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_elements(p_resource_ids, 'resource_ids', 'id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if p_subject_relation <> '' then
    perform authz._validate_identifier(p_subject_relation, 'subject_relation');
  end if;
  perform authz._assert_bulk_relation(p_relation, p_subject_type);
  return authz._write_tuples(
    p_resource_type, p_resource_ids, p_relation, array_fill(p_subject_type, array[v_count]),
    array_fill(p_subject_id, array[v_count]), array_fill(p_subject_relation, array[v_count]), p_namespace
  );
end
$$;

-- tuples/grant_to_subjects_bulk.sql
-- authz.grant_to_subjects_bulk: grants a relation on a resource to many subjects of any types, all or none.
--
-- As authz.write_tuples_bulk, where subjects differ in type or stand for the holders of a relation.
--
-- Takes    p_resource_type, p_resource_id  what the grants are on
--          p_relation                      the permission, or 'member' for users; not 'parent'
--          p_subject_types, p_subject_ids  who gets it, one element of each a subject; at most 1000
--          p_subject_relations             only those who hold this relation on it; an element that is null or '' for
--                                          itself, no array for all themselves
--          p_namespace                     tenant; the transaction's by default
-- Returns  how many grants are new or revived
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023) · VAL_KEY_TOO_LONG (22001)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_BULK_GROUP_MEMBERSHIP (0A000)
--          · BIZ_BULK_PARENT_RELATION (0A000)
--          · VAL_BATCH_INVALID (22023)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for a new type,
--          grants that are there already
-- Example  select authz.grant_to_subjects_bulk('doc', '1', 'read', array['user', 'team'], array['alice', 'eng'], array[null, 'member']);
create function authz.grant_to_subjects_bulk(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_types text[],
  p_subject_ids text[],
  p_subject_relations text[] default null,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int := coalesce(cardinality(p_subject_ids), 0);
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_elements(p_subject_types, 'subject_types', 'identifier');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_elements(p_subject_ids, 'subject_ids', 'id');
  perform authz._validate_namespace(p_namespace);
  perform authz._validate_elements(p_subject_relations, 'subject_relations', 'relation');
  if coalesce(cardinality(p_subject_types), 0) <> v_count
    or (p_subject_relations is not null and cardinality(p_subject_relations) <> v_count)
  then
    raise exception 'subject_types, subject_ids and subject_relations are not of one length'
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  return authz._write_tuples(
    p_resource_type, array_fill(p_resource_id, array[v_count]), p_relation, p_subject_types, p_subject_ids,
    coalesce(p_subject_relations, array_fill(null::text, array[v_count])), p_namespace
  );
end
$$;

-- tuples/transfer_tuple.sql
-- authz.transfer_tuple: takes a grant from one subject and gives it to another, with its expiry.
--
-- Only grants to a subject itself, and live ones. A live grant that the new subject has already keeps its own expiry.
--
-- Takes    p_resource_type, p_resource_id, p_relation    the grant
--          p_from_subject_type, p_from_subject_id        who loses it
--          p_to_subject_type, p_to_subject_id            who gets it; the same subject is left as it is
--          p_namespace                                   tenant; the transaction's by default
-- Returns  whether there was such a grant
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
--          · BIZ_SELF_MEMBERSHIP (PK001) · BIZ_CYCLE_GROUP (PK001) · BIZ_SELF_PARENT (PK001)
--          · BIZ_CYCLE_RESOURCE (PK001) · BIZ_ISOLATION_LEVEL (25001)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers and for a new type, the grants of both
-- Example  select authz.transfer_tuple('repo', 'api', 'owner', 'user', 'alice', 'user', 'bob');
create function authz.transfer_tuple(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_from_subject_type text,
  p_from_subject_id text,
  p_to_subject_type text,
  p_to_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_resource_id text;
  v_from_subject_id text;
  v_to_subject_id text;
  v_is_target_first boolean;
  v_from record;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_from_subject_type, 'from_subject_type');
  perform authz._validate_identifier(p_to_subject_type, 'to_subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_from_subject_id, 'from_subject_id');
  perform authz._validate_id(p_to_subject_id, 'to_subject_id');
  perform authz._validate_namespace(p_namespace);
  v_resource_id := normalize(p_resource_id, nfc);
  v_from_subject_id := normalize(p_from_subject_id, nfc);
  v_to_subject_id := normalize(p_to_subject_id, nfc);
  v_is_target_first := (p_to_subject_type collate "C", v_to_subject_id collate "C")
    < (p_from_subject_type collate "C", v_from_subject_id collate "C");
  perform authz._validate_key_size(
    p_namespace, p_resource_type, v_resource_id, p_relation, p_to_subject_type, v_to_subject_id
  );
  perform authz._assert_tenant(p_namespace);
  if p_relation <> 'parent' then
    perform authz._lock_new_types(p_resource_type, array[p_to_subject_type], array[null::text], p_namespace);
  end if;
  perform authz._lock_edges(
    array[
      concat_ws(' ', p_resource_type, p_relation, p_from_subject_type),
      concat_ws(' ', p_resource_type, p_relation, p_to_subject_type)
    ],
    p_namespace
  );

  -- The two are touched in the order of their keys, as by every call that changes many. Where that writes the new one
  -- first, it is undone and tried again when the old one changed meanwhile; three lost races are a conflict.
  for v_round in 1..3 loop
    select t.id, t.expires_at
    into v_from
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = v_resource_id
      and t.relation = p_relation
      and t.subject_type = p_from_subject_type
      and t.subject_id = v_from_subject_id
      and coalesce(t.subject_relation, '') = ''
      and (t.expires_at is null or t.expires_at > now());
    if not found then
      return false;
    end if;
    if p_from_subject_type = p_to_subject_type and v_from_subject_id = v_to_subject_id then
      return true;
    end if;
    perform authz._assert_not_self(p_resource_type, v_resource_id, p_relation, p_to_subject_type, v_to_subject_id);
    begin
      if v_is_target_first then
        perform authz.write_tuple(
          p_resource_type, p_resource_id, p_relation, p_to_subject_type, p_to_subject_id, null, p_namespace,
          v_from.expires_at
        );
      end if;
      delete from authz.tuples t
      where t.namespace = p_namespace
        and t.id = v_from.id
        and t.expires_at is not distinct from v_from.expires_at
      returning t.id into strict v_from.id;
      if not v_is_target_first then
        perform authz.write_tuple(
          p_resource_type, p_resource_id, p_relation, p_to_subject_type, p_to_subject_id, null, p_namespace,
          v_from.expires_at
        );
      end if;
      return true;
    exception
      when no_data_found then
        null;
    end;
  end loop;
  raise exception 'the grant changed under three attempts to transfer it: try again' using errcode = '40001';
end
$$;

-- tuples/revoke_subject_grants.sql
-- authz.revoke_subject_grants: takes back every grant to a subject: permissions, memberships, what it is the parent of.
--
-- Grants to those who hold a relation on the subject are its grants as well. What others grant while this runs stays.
--
-- Takes    p_subject_type, p_subject_id  the subject
--          p_namespace                   tenant; the transaction's by default
--          p_resource_type               only grants on resources of this type; all by default
-- Returns  how many grants there were, ended ones included
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grants
-- Example  select authz.revoke_subject_grants('user', 'alice');
create function authz.revoke_subject_grants(
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_resource_type text default null
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_edges text[];
begin
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if p_resource_type is not null then
    perform authz._validate_identifier(p_resource_type, 'resource_type');
  end if;
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);

  if p_resource_type is null then
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.subject_type = p_subject_type
      and t.subject_id = normalize(p_subject_id, nfc);
  else
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.subject_type = p_subject_type
      and t.subject_id = normalize(p_subject_id, nfc)
      and t.resource_type = p_resource_type;
  end if;
  perform authz._lock_edges(v_edges, p_namespace);
  return authz._delete_tuples(v_ids, p_namespace, false);
end
$$;

-- tuples/revoke_resource_grants.sql
-- authz.revoke_resource_grants: takes back every grant on a resource: permissions, members, its own parents.
--
-- What others grant while this runs stays.
--
-- Takes    p_resource_type, p_resource_id  the resource
--          p_namespace                     tenant; the transaction's by default
--          p_relation                      only grants of this relation; all by default
-- Returns  how many grants there were, ended ones included
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grants
-- Example  select authz.revoke_resource_grants('repo', 'api');
create function authz.revoke_resource_grants(
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_relation text default null
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_edges text[];
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_namespace(p_namespace);
  if p_relation is not null then
    perform authz._validate_identifier(p_relation, 'relation');
  end if;
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);

  if p_relation is null then
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = normalize(p_resource_id, nfc);
  else
    select array_agg(t.id),
      array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
        filter (where t.relation in ('member', 'parent'))
    into v_ids, v_edges
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = normalize(p_resource_id, nfc)
      and t.relation = p_relation;
  end if;
  perform authz._lock_edges(v_edges, p_namespace);
  return authz._delete_tuples(v_ids, p_namespace, false);
end
$$;

-- tuples/_desired_tuples.sql
-- authz._desired_tuples: the rows that a list of grants on a resource asks for; their id is the place in the list.
--
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_EXPIRATION_FUTURE (23514)
create function authz._desired_tuples(
  p_resource_type text,
  p_resource_id text,
  p_desired jsonb,
  p_namespace text
)
returns setof authz.tuples
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_element jsonb;
  v_field text;
  v_key text;
  v_tuple authz.tuples;
begin
  if p_desired is null or jsonb_typeof(p_desired) <> 'array' then
    raise exception 'desired must be an array'
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_INVALID';
  end if;
  if jsonb_array_length(p_desired) > 1000 then
    raise exception 'desired has % elements, the most is 1000', jsonb_array_length(p_desired)
      using errcode = '22023', hint = 'postkit:authz:VAL_BATCH_TOO_LARGE';
  end if;
  v_tuple.namespace := p_namespace;
  v_tuple.resource_type := p_resource_type;
  v_tuple.resource_id := normalize(p_resource_id, nfc);
  v_tuple.resource_id_raw := nullif(p_resource_id, v_tuple.resource_id);
  for v_element, v_tuple.id in
    select e.value, e.position
    from jsonb_array_elements(p_desired) with ordinality e (value, position)
    order by e.position
  loop
    v_field := format('desired[%s]', v_tuple.id);
    if jsonb_typeof(v_element) <> 'object' then
      raise exception '% is not an object', v_field
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end if;
    -- A misspelt expires_at must not make a grant that never ends.
    if v_element - array['relation', 'subject_type', 'subject_id', 'subject_relation', 'expires_at'] <> '{}' then
      raise exception '% has a key that no grant has', v_field
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end if;
    select min(e.key)
    into v_key
    from jsonb_each(v_element) e (key, value)
    where jsonb_typeof(e.value) not in ('string', 'null');
    if v_key is not null then
      raise exception '%.% is not a text', v_field, v_key
        using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end if;
    v_tuple.relation := v_element ->> 'relation';
    v_tuple.subject_type := v_element ->> 'subject_type';
    v_tuple.subject_id_raw := v_element ->> 'subject_id';
    v_tuple.subject_relation := nullif(v_element ->> 'subject_relation', '');
    begin
      perform authz._validate_identifier(v_tuple.relation, v_field || '.relation');
      perform authz._validate_identifier(v_tuple.subject_type, v_field || '.subject_type');
      perform authz._validate_id(v_tuple.subject_id_raw, v_field || '.subject_id');
      if v_tuple.subject_relation is not null then
        perform authz._validate_identifier(v_tuple.subject_relation, v_field || '.subject_relation');
      end if;
    exception
      when data_exception then
        raise exception '%', sqlerrm
          using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end;
    begin
      v_tuple.expires_at := nullif((v_element ->> 'expires_at')::timestamptz, 'infinity');
    exception
      when data_exception then
        raise exception '%.expires_at is not a time', v_field
          using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
    end;
    if v_tuple.expires_at <= now() then
      raise exception '%.expires_at must be in the future', v_field
        using errcode = '23514', hint = 'postkit:authz:VAL_EXPIRATION_FUTURE';
    end if;
    v_tuple.subject_id := normalize(v_tuple.subject_id_raw, nfc);
    v_tuple.subject_id_raw := nullif(v_tuple.subject_id_raw, v_tuple.subject_id);
    return next v_tuple;
  end loop;
end
$$;

-- tuples/sync_grants.sql
-- authz.sync_grants: makes the grants on a resource equal to a list, and tells what that changed.
--
-- Grants that are not in the list are taken back, ended ones included; missing and ended ones are granted; the ends of
-- the others become those of the list, none where it names none. The parents of the resource are left alone and have
-- no place in the list; its members have, groups among them. A second call with the same list changes and writes
-- nothing. Two calls for one resource take turns, so that one of their lists holds in the end; under repeatable read
-- they may both hold, as that level allows.
--
-- Takes    p_resource_type, p_resource_id  the resource
--          p_desired                       at most 1000 of {"relation", "subject_type", "subject_id"} and, where
--                                          wanted, "subject_relation" and "expires_at"; duplicates are one
--          p_namespace                     tenant; the transaction's by default
-- Returns  a row for each 'granted', 'revoked' or 'updated' grant, with its end as it is now, or was
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_EXPIRATION_FUTURE (23514) · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · BIZ_BULK_PARENT_RELATION (0A000) · BIZ_SELF_MEMBERSHIP (PK001)
--          · BIZ_CYCLE_GROUP (PK001)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for groups as members and for new types, the resource
--          for other calls of this function, grants that change
-- Example  select * from authz.sync_grants('doc', '1', '[{"relation": "read", "subject_type": "user", "subject_id": "alice"}]');
create function authz.sync_grants(
  p_resource_type text,
  p_resource_id text,
  p_desired jsonb,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (
  change text,
  relation text,
  subject_type text,
  subject_id text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
#variable_conflict use_column
declare
  v_resource_id text;
  v_desired authz.tuples[];
  v_edges text[];
  v_step record;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_namespace(p_namespace);
  v_resource_id := normalize(p_resource_id, nfc);
  v_desired := array(
    select d from authz._desired_tuples(p_resource_type, p_resource_id, p_desired, p_namespace) d
  );
  if exists (
    select
    from unnest(v_desired) d
    group by d.relation, d.subject_type, d.subject_id, d.subject_relation
    having count(distinct coalesce(d.expires_at, 'infinity')) > 1
  ) then
    raise exception 'desired has one grant twice, with different ends'
      using errcode = '22023', hint = 'postkit:authz:VAL_ARRAY_ELEMENT_INVALID';
  end if;
  perform authz._validate_key_size(
    p_namespace, p_resource_type, v_resource_id, d.relation, d.subject_type, d.subject_id, d.subject_relation
  )
  from unnest(v_desired) d;
  perform authz._assert_tenant(p_namespace);
  -- Groups may become members here, so that all but 'parent' is as if it were for a user.
  perform authz._assert_bulk_relation(d.relation, 'user') from unnest(v_desired) d;
  perform authz._assert_not_self(p_resource_type, v_resource_id, d.relation, d.subject_type, d.subject_id)
  from unnest(v_desired) d;
  select array_agg(distinct concat_ws(' ', p_resource_type, m.relation, m.subject_type))
  into v_edges
  from (
    select d.relation, d.subject_type
    from unnest(v_desired) d
    where d.relation = 'member'
    union
    select t.relation, t.subject_type
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id = v_resource_id
      and t.relation = 'member'
  ) m;
  perform authz._lock_new_types(
    p_resource_type, array_agg(d.subject_type), array_agg(d.subject_relation), p_namespace
  )
  from unnest(v_desired) d;
  perform authz._lock_edges(v_edges, p_namespace);
  perform pg_advisory_xact_lock(
    hashtextextended(concat_ws(chr(31), 'authz.sync_grants', p_namespace, p_resource_type, v_resource_id), 0)
  );

  -- In the order of the keys, as every call does that changes many.
  for v_step in
    select
      d.id is not null as is_desired,
      t.id as tuple_id,
      coalesce(d.relation, t.relation) as relation,
      coalesce(d.subject_type, t.subject_type) as subject_type,
      coalesce(d.subject_id, t.subject_id) as subject_id,
      coalesce(d.subject_relation, t.subject_relation) as subject_relation,
      d.resource_id_raw,
      d.subject_id_raw,
      case when t.id is null then coalesce(d.subject_id_raw, d.subject_id)
        else coalesce(t.subject_id_raw, t.subject_id) end as subject_id_sent,
      case when d.id is null then t.expires_at else d.expires_at end as expires_at,
      t.expires_at <= now() as is_ended
    from (
      select distinct on (g.relation, g.subject_type, g.subject_id, g.subject_relation) g.*
      from unnest(v_desired) g
      order by g.relation, g.subject_type, g.subject_id, g.subject_relation, g.id
    ) d
    full join (
      select s.*
      from authz.tuples s
      where s.namespace = p_namespace
        and s.resource_type = p_resource_type
        and s.resource_id = v_resource_id
        and s.relation <> 'parent'
    ) t
      on t.relation = d.relation
      and t.subject_type = d.subject_type
      and t.subject_id = d.subject_id
      and coalesce(t.subject_relation, '') = coalesce(d.subject_relation, '')
    where t.id is null
      or d.id is null
      or t.expires_at is distinct from d.expires_at
    order by 4, 5, 3, coalesce(d.subject_relation, t.subject_relation, '')
  loop
    if not v_step.is_desired then
      change := 'revoked';
      delete from authz.tuples t
      where t.namespace = p_namespace
        and t.id = v_step.tuple_id;
    else
      if v_step.tuple_id is null then
        perform authz._assert_no_cycle(
          p_resource_type, v_resource_id, v_step.relation, v_step.subject_type, v_step.subject_id, p_namespace
        );
      end if;
      change := case when v_step.tuple_id is null or v_step.is_ended then 'granted' else 'updated' end;
      insert into authz.tuples as t (
        namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
        resource_id_raw, subject_id_raw, expires_at
      )
      values (
        p_namespace, p_resource_type, v_resource_id, v_step.relation, v_step.subject_type, v_step.subject_id,
        v_step.subject_relation, v_step.resource_id_raw, v_step.subject_id_raw, v_step.expires_at
      )
      on conflict (
        namespace, resource_type, resource_id, relation, subject_type, subject_id, coalesce(subject_relation, '')
      ) do update set expires_at = excluded.expires_at
      where t.expires_at is distinct from excluded.expires_at;
    end if;
    -- Somebody else may have done just that at this moment.
    if found then
      relation := v_step.relation;
      subject_type := v_step.subject_type;
      subject_id := v_step.subject_id_sent;
      subject_relation := v_step.subject_relation;
      expires_at := v_step.expires_at;
      return next;
    end if;
  end loop;
end
$$;

-- expirations/_end_after.sql
-- authz._end_after: a point in time that is a positive interval after another, within the calendar.
--
-- Raises   VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
create function authz._end_after(p_start timestamptz, p_length interval, p_field text)
returns timestamptz
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_end timestamptz;
begin
  -- The calendar of PostgreSQL ends in the year 294276.
  if p_length > interval '10000 years' or p_start > timestamptz '280000-01-01' then
    raise exception '% is longer than 10000 years, or goes beyond the calendar', p_field
      using errcode = '22023', hint = 'postkit:authz:VAL_INTERVAL_TOO_LARGE';
  end if;
  if p_length > interval '0' then
    v_end := p_start + p_length;
  end if;
  -- '1 month -30 days' is more than nothing in some months and less in others.
  if v_end is null or v_end <= p_start then
    raise exception '% must be longer than nothing', p_field
      using errcode = '22023', hint = 'postkit:authz:VAL_INTERVAL_NOT_POSITIVE';
  end if;
  return v_end;
end
$$;

-- expirations/set_expiration.sql
-- authz.set_expiration: gives a grant a new end, whatever its end was; one that is over lives again.
--
-- Takes    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id  the grant
--          p_expires_at        its end; null or 'infinity' for none
--          p_namespace         tenant; the transaction's by default
--          p_subject_relation  relation on the subject that the grant asks for; null or '' for a grant to itself
-- Returns  whether there is such a grant
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_EXPIRATION_FUTURE (23514) · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grant
-- Example  select authz.set_expiration('repo', 'api', 'admin', 'user', 'alice', now() + interval '1 day');
create function authz.set_expiration(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_expires_at timestamptz,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_relation text default null
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := coalesce(p_subject_relation, '');
  v_expires_at timestamptz := nullif(p_expires_at, 'infinity');
  v_tuple record;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if v_subject_relation <> '' then
    perform authz._validate_identifier(v_subject_relation, 'subject_relation');
  end if;
  perform authz._assert_tenant(p_namespace);
  perform authz._validate_expiration(v_expires_at);
  perform authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);

  select t.id, t.expires_at
  into v_tuple
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation = p_relation
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and coalesce(t.subject_relation, '') = v_subject_relation
  for no key update;
  if not found then
    return false;
  end if;
  update authz.tuples t
  set expires_at = v_expires_at
  where t.namespace = p_namespace
    and t.id = v_tuple.id
    and t.expires_at is distinct from v_expires_at;
  return true;
end
$$;

-- expirations/clear_expiration.sql
-- authz.clear_expiration: makes a grant one without end; one that is over lives again.
--
-- Takes    as authz.set_expiration, without p_expires_at
-- Returns  whether there is such a grant
-- Raises   as authz.set_expiration, except for what is about p_expires_at
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grant
-- Example  select authz.clear_expiration('repo', 'api', 'admin', 'user', 'alice');
create function authz.clear_expiration(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_relation text default null
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  return authz.set_expiration(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_namespace, p_subject_relation
  );
end
$$;

-- expirations/extend_expiration.sql
-- authz.extend_expiration: moves the end of a grant; one that is over is extended from now.
--
-- Calls at the same time add up. Days and months are those of the session's time zone.
--
-- Takes    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id  the grant
--          p_extension         by how much
--          p_namespace         tenant; the transaction's by default
--          p_subject_relation  relation on the subject that the grant asks for; null or '' for a grant to itself
-- Returns  the new end
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023)
--          · VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · DATA_GRANT_NOT_FOUND (P0002) · BIZ_GRANT_NO_EXPIRATION (22023)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grant
-- Example  select authz.extend_expiration('repo', 'api', 'admin', 'user', 'alice', interval '30 days');
create function authz.extend_expiration(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_extension interval,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_relation text default null
)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_subject_relation text := coalesce(p_subject_relation, '');
  v_expires_at timestamptz;
  v_tuple record;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_namespace(p_namespace);
  if v_subject_relation <> '' then
    perform authz._validate_identifier(v_subject_relation, 'subject_relation');
  end if;
  perform authz._assert_tenant(p_namespace);
  perform authz._end_after(now(), p_extension, 'extension');
  perform authz._lock_if_structural(p_resource_type, p_relation, p_subject_type, p_namespace);

  select t.id, t.expires_at
  into v_tuple
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation = p_relation
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and coalesce(t.subject_relation, '') = v_subject_relation
  for no key update;
  if not found then
    raise exception 'there is no such grant to extend'
      using errcode = 'P0002', hint = 'postkit:authz:DATA_GRANT_NOT_FOUND';
  end if;
  if v_tuple.expires_at is null or v_tuple.expires_at = 'infinity' then
    raise exception 'this grant has no end that could be moved'
      using errcode = '22023', hint = 'postkit:authz:BIZ_GRANT_NO_EXPIRATION';
  end if;
  v_expires_at := authz._end_after(greatest(v_tuple.expires_at, now()), p_extension, 'extension');
  update authz.tuples t
  set expires_at = v_expires_at
  where t.namespace = p_namespace
    and t.id = v_tuple.id;
  return v_expires_at;
end
$$;

-- expirations/list_expiring.sql
-- authz.list_expiring: the live grants that end soon, the next one first.
--
-- Takes    p_within     how soon
--          p_namespace  tenant; the transaction's by default
-- Returns  a row for each grant
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_INTERVAL_NOT_POSITIVE (22023) · VAL_INTERVAL_TOO_LARGE (22023)
-- Example  select * from authz.list_expiring(interval '1 day');
create function authz.list_expiring(
  p_within interval default interval '7 days',
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (
  resource_type text,
  resource_id text,
  relation text,
  subject_type text,
  subject_id text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_until timestamptz;
begin
  v_until := authz._end_after(now(), p_within, 'within');
  perform authz._assert_readable(p_namespace);
  return query
    select t.resource_type::text, coalesce(t.resource_id_raw, t.resource_id)::text, t.relation::text,
      t.subject_type::text, coalesce(t.subject_id_raw, t.subject_id)::text, t.subject_relation::text, t.expires_at
    from authz.tuples t
    where t.namespace = p_namespace
      and t.expires_at > now()
      and t.expires_at <= v_until
    order by t.expires_at, t.id;
end
$$;

-- expirations/cleanup_expired.sql
-- authz.cleanup_expired: deletes the grants that are over, which give nothing to anybody any more.
--
-- Nothing depends on it but the size of the table.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Returns  how many there were
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable
--          containers, the grants
-- Example  select tuples_deleted from authz.cleanup_expired();
create function authz.cleanup_expired(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (tuples_deleted bigint)
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_ids bigint[];
  v_edges text[];
begin
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);

  select array_agg(t.id),
    array_agg(distinct concat_ws(' ', t.resource_type, t.relation, t.subject_type))
      filter (where t.relation in ('member', 'parent'))
  into v_ids, v_edges
  from authz.tuples t
  where t.namespace = p_namespace
    and t.expires_at <= now();
  perform authz._lock_edges(v_edges, p_namespace);
  tuples_deleted := authz._delete_tuples(v_ids, p_namespace, true);
  return next;
end
$$;

-- hierarchy/tables.sql
create table authz.permission_hierarchy (
  namespace text collate "C" not null default 'default',
  id bigint generated always as identity,
  resource_type text collate "C" not null,
  permission text collate "C" not null,
  implies text collate "C" not null,
  created_at timestamptz not null default now(),
  constraint permission_hierarchy_pkey primary key (namespace, id),
  constraint permission_hierarchy_key unique (namespace, resource_type, permission, implies)
);

comment on table authz.permission_hierarchy is 'Who has permission on a resource of this type has what it implies as well; rules of namespace global hold for all';

create index permission_hierarchy_implies_idx on authz.permission_hierarchy
  (namespace, resource_type, implies, permission);

alter table authz.permission_hierarchy enable row level security;
alter table authz.permission_hierarchy force row level security;

-- Rules of namespace global are read by all and written by the owner's maintenance alone.
create policy hierarchy_tenant_isolation on authz.permission_hierarchy
  using (namespace = nullif(current_setting('postkit.tenant_id', true), '') and namespace <> 'global')
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), '') and namespace <> 'global');

create policy hierarchy_global_read on authz.permission_hierarchy for select
  using (namespace = 'global');

create policy hierarchy_maintenance on authz.permission_hierarchy to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

create trigger permission_hierarchy_audit
  after insert or update or delete on authz.permission_hierarchy
  for each row execute function authz._audit_hierarchy();

-- hierarchy/_assert_not_global.sql
-- authz._assert_not_global: keeps the rules that hold for every tenant from any tenant's hands.
--
-- A role that bypasses row level security may write them, and the owner while postkit.maintenance is 'on'.
--
-- Raises   BIZ_GLOBAL_PROTECTED (42501)
create function authz._assert_not_global(p_namespace text)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_namespace <> 'global' or authz._rls_bypassed() or authz._is_maintenance() then
    return;
  end if;
  raise exception 'rules of namespace global hold for every tenant and are not a tenant''s to change'
    using errcode = '42501', hint = 'postkit:authz:BIZ_GLOBAL_PROTECTED';
end
$$;

-- hierarchy/_follow_rules.sql
-- authz._follow_rules: what pairs lead to from some starting points, these included, in at most _max_depth() steps.
--
-- A type has few rules: following them here takes half the time of a recursive query.
--
-- Takes    p_from, p_to  the pairs, in step; null for none
create function authz._follow_rules(p_start text[], p_from text[], p_to text[])
returns text[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_reached text[] := p_start;
  v_next text[];
begin
  for v_depth in 1..case when p_from is null then 0 else authz._max_depth() end loop
    v_next := '{}';
    for v_pair in 1..cardinality(p_from) loop
      if p_from[v_pair] = any (v_reached) and p_to[v_pair] <> all (v_reached || v_next) then
        v_next := v_next || p_to[v_pair];
      end if;
    end loop;
    exit when v_next = '{}';
    v_reached := v_reached || v_next;
  end loop;
  return v_reached;
end
$$;

-- hierarchy/_implied_by.sql
-- authz._implied_by: the relations that give one of some permissions on a type of resource, these included.
--
-- Merges the rules of namespace global with those of the tenant. 'parent' is structure and gives nothing.
create function authz._implied_by(p_resource_type text, p_permissions text[], p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_permissions text[];
  v_implied text[];
begin
  select array_agg(h.permission), array_agg(h.implies)
  into v_permissions, v_implied
  from authz.permission_hierarchy h
  where h.namespace = any (array[p_namespace, 'global'])
    and h.resource_type = p_resource_type
    and h.permission <> 'parent'
    and h.implies <> 'parent';
  return authz._follow_rules(array_remove(array_remove(p_permissions, 'parent'), null), v_implied, v_permissions);
end
$$;

-- hierarchy/_implied_from.sql
-- authz._implied_from: the permissions that some relations give on a type of resource, these included.
--
-- The other direction of authz._implied_by.
create function authz._implied_from(p_resource_type text, p_relations text[], p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_permissions text[];
  v_implied text[];
begin
  select array_agg(h.permission), array_agg(h.implies)
  into v_permissions, v_implied
  from authz.permission_hierarchy h
  where h.namespace = any (array[p_namespace, 'global'])
    and h.resource_type = p_resource_type
    and h.permission <> 'parent'
    and h.implies <> 'parent';
  return authz._follow_rules(array_remove(p_relations, 'parent'), v_permissions, v_implied);
end
$$;

-- hierarchy/_implies.sql
-- authz._implies: whether rules already lead from one permission to another.
--
-- Not bounded in depth, since a cycle of any length is one; union visits each permission once.
create function authz._implies(p_resource_type text, p_from text, p_to text, p_namespace text)
returns boolean
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  return exists (
    with recursive implied (permission) as (
      select p_from collate "C"
      union
      select h.implies
      from implied i
      join authz.permission_hierarchy h
        on h.namespace in (p_namespace, 'global')
        and h.resource_type = p_resource_type
        and h.permission = i.permission
    )
    select from implied i where i.permission = p_to
  );
end
$$;

-- hierarchy/add_hierarchy.sql
-- authz.add_hierarchy: makes one permission imply another on a type of resource.
--
-- Takes    p_resource_type  the type it holds for
--          p_permission     who has this …
--          p_implies        … has this as well
--          p_namespace      tenant; the transaction's by default
-- Returns  the rule's id, the existing one on a repeat
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026)
--          · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001) · BIZ_TENANT_NOT_SET (42501)
--          · BIZ_TENANT_MISMATCH (42501) · BIZ_GLOBAL_PROTECTED (42501) · BIZ_CYCLE_SELF (PK001)
--          · BIZ_CYCLE_HIERARCHY (PK001)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.add_hierarchy('repo', 'admin', 'write');
create function authz.add_hierarchy(
  p_resource_type text,
  p_permission text,
  p_implies text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_rule_id bigint;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_permission, 'permission');
  perform authz._validate_identifier(p_implies, 'implies');
  perform authz._validate_namespace(p_namespace);
  perform authz._validate_key_size(p_namespace, p_resource_type, p_permission, p_implies);
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_not_global(p_namespace);
  if p_permission = p_implies then
    raise exception 'a permission cannot imply itself: that is a cycle'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_SELF';
  end if;
  perform authz._lock_graph(p_namespace);
  if authz._implies(p_resource_type, p_implies, p_permission, p_namespace) then
    raise exception 'this rule would close a cycle of permissions'
      using errcode = 'PK001', hint = 'postkit:authz:BIZ_CYCLE_HIERARCHY';
  end if;

  insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
  values (p_namespace, p_resource_type, p_permission, p_implies)
  on conflict (namespace, resource_type, permission, implies) do nothing
  returning id into v_rule_id;
  if v_rule_id is null then
    select h.id
    into v_rule_id
    from authz.permission_hierarchy h
    where h.namespace = p_namespace
      and h.resource_type = p_resource_type
      and h.permission = p_permission
      and h.implies = p_implies;
  end if;
  return v_rule_id;
end
$$;

-- hierarchy/set_hierarchy.sql
-- authz.set_hierarchy: makes each permission of a list imply the next one, on a type of resource.
--
-- Adds what is missing and takes nothing back; all rules or none.
--
-- Takes    p_resource_type  the type they hold for
--          p_permissions    from the strongest to the weakest, at most 1000; fewer than two make no rule
--          p_namespace      tenant; the transaction's by default
-- Returns  how many rules are new
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001)
--          · VAL_NAMESPACE_INVALID_CHARS (22023) · VAL_NAMESPACE_WHITESPACE (22023) · VAL_KEY_TOO_LONG (22001)
--          · BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501) · BIZ_GLOBAL_PROTECTED (42501)
--          · BIZ_CYCLE_SELF (PK001) · BIZ_CYCLE_HIERARCHY (PK001)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.set_hierarchy('repo', array['owner', 'admin', 'write', 'read']);
create function authz.set_hierarchy(
  p_resource_type text,
  p_permissions text[],
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_permissions text[] := array(
    select p.permission from unnest(p_permissions) with ordinality p (permission, position) order by p.position
  );
  v_before int;
  v_after int;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_elements(p_permissions, 'permissions', 'identifier');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant(p_namespace);
  perform authz._assert_not_global(p_namespace);
  if cardinality(v_permissions) < 2 then
    return 0;
  end if;
  perform authz._lock_graph(p_namespace);
  select count(*) into v_before
  from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type;
  for v_position in 2..cardinality(v_permissions) loop
    perform authz.add_hierarchy(
      p_resource_type, v_permissions[v_position - 1], v_permissions[v_position], p_namespace
    );
  end loop;
  select count(*) into v_after
  from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type;
  return v_after - v_before;
end
$$;

-- hierarchy/remove_hierarchy.sql
-- authz.remove_hierarchy: takes a rule back.
--
-- Takes    as authz.add_hierarchy
-- Returns  whether there was such a rule
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026)
--          · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.remove_hierarchy('repo', 'admin', 'write');
create function authz.remove_hierarchy(
  p_resource_type text,
  p_permission text,
  p_implies text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_permission, 'permission');
  perform authz._validate_identifier(p_implies, 'implies');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);
  perform authz._lock_graph(p_namespace);

  delete from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type
    and h.permission = p_permission
    and h.implies = p_implies;
  return found;
end
$$;

-- hierarchy/clear_hierarchy.sql
-- authz.clear_hierarchy: takes back every rule of the tenant for a type of resource.
--
-- Takes    p_resource_type  the type
--          p_namespace      tenant; the transaction's by default
-- Returns  how many rules there were
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_NAMESPACE_NULL (22004) · VAL_NAMESPACE_EMPTY (22026)
--          · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501)
-- Writes   authz.permission_hierarchy, authz.audit_events · Locks authz.graph_state
-- Example  select authz.clear_hierarchy('repo');
create function authz.clear_hierarchy(
  p_resource_type text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns int
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_count int;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._warn_tenant(p_namespace);
  perform authz._lock_graph(p_namespace);

  delete from authz.permission_hierarchy h
  where h.namespace = p_namespace
    and h.resource_type = p_resource_type;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- checks/types.sql
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

-- checks/_holds_any.sql
-- authz._holds_any: whether a subject has one of some relations on a resource or on a container around it, itself or
-- through a group.
--
-- A subject stands for the groups it holds anything on, and through member edges for those around them. An edge with
-- a subject_relation admits only those who hold that relation on the group, at every level. Parent edges hold
-- containers together and give nothing themselves. Only types that are subjects of something are groups, so that what
-- a subject holds on a thousand documents is not read. A user is hardly ever a group; where one is, his grants are
-- among those of all users.
--
-- One statement, since to start one costs as much as several probes. "offset 0" keeps the planner to these probes: to
-- read all grants of a subject or a resource and to filter them afterwards would be cheaper for most and ruinous for
-- some.
--
-- Takes    p_relations  relations that are enough, from authz._implied_by
--          ids          in NFC
create function authz._holds_any(
  p_subject_type text,
  p_subject_id text,
  p_relations text[],
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_group_types text[];
  v_users_are_groups boolean;
begin
  select g.group_types into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  v_users_are_groups := 'user' = any (v_group_types);
  return exists (
    with recursive
      containers (type, id, depth) as (
        select p_resource_type collate "C", p_resource_id collate "C", 0
        union
        select t.subject_type, t.subject_id, c.depth + 1
        from containers c
        join authz.tuples t
          on t.namespace = p_namespace
          and t.resource_type = c.type
          and t.resource_id = c.id
          and t.relation = 'parent'
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        where c.depth < authz._max_depth()
      ),
      own (type, id, relation) as materialized (
        select t.resource_type, t.resource_id, t.relation
        from (select distinct c.type from containers c) k
        cross join lateral (
          select t.resource_type, t.resource_id, t.relation
          from authz.tuples t
          where t.namespace = p_namespace
            and t.subject_type = p_subject_type
            and t.subject_id = p_subject_id
            and t.resource_type = k.type
            and t.subject_relation is null
            and (t.expires_at is null or t.expires_at > now())
          limit 101
        ) t
        limit 101
      ),
      memberships (type, id, relation, depth) as (
        select h.resource_type, h.resource_id, h.relation, 1
        from unnest(v_group_types) g (type)
        cross join lateral (
          select t.resource_type, t.resource_id, t.relation
          from authz.tuples t
          where t.namespace = p_namespace
            and t.subject_type = p_subject_type
            and t.subject_id = p_subject_id
            and t.resource_type = g.type
            and t.subject_relation is null
            and t.relation <> 'parent'
            and (t.expires_at is null or t.expires_at > now())
          offset 0
        ) h
        union
        select h.resource_type, h.resource_id, 'member', m.depth + 1
        from memberships m
        cross join lateral (
          select t.resource_type, t.resource_id
          from authz.tuples t
          where t.namespace = p_namespace
            and t.subject_type = m.type
            and t.subject_id = m.id
            and t.relation = 'member'
            and (t.subject_type <> 'user' or t.subject_relation is not null)
            and (t.subject_relation is null or t.subject_relation = m.relation)
            and (t.expires_at is null or t.expires_at > now())
          union all
          select t.resource_type, t.resource_id
          from authz.tuples t
          where v_users_are_groups
            and m.type = 'user'
            and t.namespace = p_namespace
            and t.subject_type = 'user'
            and t.subject_id = m.id
            and t.subject_relation is null
            and t.relation = 'member'
            and (t.expires_at is null or t.expires_at > now())
          offset 0
        ) h
        where m.depth < authz._max_depth()
      )
    select
    from containers c
    where case
      -- Most subjects have few grants of their own on such resources: to read these is less than to probe each container.
      when (select count(*) from own) <= 100 then ((c.type, c.id) in (
        select o.type, o.id from own o where o.relation = any (p_relations)
      )) is true
      else exists (
        select
        from authz.tuples t
        where t.namespace = p_namespace
          and t.resource_type = c.type
          and t.resource_id = c.id
          and t.subject_type = p_subject_type
          and t.subject_id = p_subject_id
          and t.relation = any (p_relations)
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        offset 0
      )
    end
    or exists (
      select
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.relation = any (p_relations)
        and t.relation <> 'parent'
        and (t.subject_type <> 'user' or t.subject_relation is not null)
        and (t.expires_at is null or t.expires_at > now())
        and ((t.subject_type, t.subject_id, coalesce(t.subject_relation, '')) in (
          select m.type, m.id, m.relation from memberships m
          union all
          select m.type, m.id, '' from memberships m
        )) is true
      offset 0
    )
    or v_users_are_groups and exists (
      select
      from memberships m
      join authz.tuples t
        on t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = 'user'
        and t.subject_id = m.id
        and t.relation = any (p_relations)
        and t.relation <> 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      where m.type = 'user'
      offset 0
    )
  );
end
$$;

-- checks/_scope.sql
-- authz._scope: who a subject is and what would be enough for him, before any resource is looked at.
--
-- A subject stands for the groups it holds anything on, and through member edges for those around them. An edge with
-- a subject_relation admits only those who hold that relation on the group, at every level. Only types that are
-- subjects of something are groups, so that what he holds on a thousand documents is not read. "offset 0" keeps the
-- planner from reading all of a subject's grants and joining the types afterwards, which is cheaper for most subjects
-- and ruinous for some.
--
-- Takes    p_permissions    one of these is asked for
-- Returns  the scope; its group arrays are null for a subject in no group
create function authz._scope(
  p_subject_type text,
  p_subject_id text,
  p_permissions text[],
  p_resource_type text,
  p_namespace text
)
returns authz.scope
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope;
  v_group_types text[];
  v_users_are_groups boolean;
begin
  v_scope.namespace := p_namespace;
  v_scope.resource_type := p_resource_type;
  v_scope.relations := authz._implied_by(p_resource_type, p_permissions, p_namespace);
  v_scope.subject_type := p_subject_type;
  v_scope.subject_id := normalize(p_subject_id, nfc);

  select g.group_types into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  if v_group_types is null or v_group_types = '{}' then
    return v_scope;
  end if;
  v_users_are_groups := 'user' = any (v_group_types);
  with recursive memberships (type, id, relation, depth) as (
    select h.resource_type, h.resource_id, h.relation, 1
    from unnest(v_group_types) g (type)
    cross join lateral (
      select t.resource_type, t.resource_id, t.relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = p_subject_type
        and t.subject_id = v_scope.subject_id
        and t.resource_type = g.type
        and t.subject_relation is null
        and t.relation <> 'parent'
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) h
    union
    select h.resource_type, h.resource_id, 'member', m.depth + 1
    from memberships m
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = m.type
        and t.subject_id = m.id
        and t.relation = 'member'
        and (t.subject_type <> 'user' or t.subject_relation is not null)
        and (t.subject_relation is null or t.subject_relation = m.relation)
        and (t.expires_at is null or t.expires_at > now())
      union all
      select t.resource_type, t.resource_id
      from authz.tuples t
      where v_users_are_groups
        and m.type = 'user'
        and t.namespace = p_namespace
        and t.subject_type = 'user'
        and t.subject_id = m.id
        and t.subject_relation is null
        and t.relation = 'member'
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) h
    where m.depth < authz._max_depth()
  )
  select array_agg(m.type), array_agg(m.id), array_agg(m.relation)
  into v_scope.group_types, v_scope.group_ids, v_scope.group_relations
  from memberships m;
  return v_scope;
end
$$;

-- checks/_containers.sql
-- authz._containers: a resource and what is around it.
--
-- Takes    p_resource_id  in NFC
create function authz._containers(p_resource_type text, p_resource_id text, p_namespace text)
returns authz.nodes
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_around authz.nodes;
begin
  with recursive containers (type, id, depth) as (
    select p_resource_type collate "C", p_resource_id collate "C", 0
    union
    select t.subject_type, t.subject_id, c.depth + 1
    from containers c
    join authz.tuples t
      on t.namespace = p_namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.relation = 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    where c.depth < authz._max_depth()
  )
  select array_agg(c.type), array_agg(c.id)
  into v_around.types, v_around.ids
  from containers c;
  return v_around;
end
$$;

-- checks/_open_among.sql
-- authz._open_among: those of some resources on which a scope itself holds what is enough, without what is around them.
--
-- Takes    p_types, p_ids  the resources, in step
create function authz._open_among(p_scope authz.scope, p_types text[], p_ids text[])
returns authz.nodes
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_open authz.nodes;
begin
  select array_agg(c.type), array_agg(c.id)
  into v_open.types, v_open.ids
  from unnest(p_types, p_ids) c (type, id)
  where exists (
    select
    from authz.tuples t
    where t.namespace = p_scope.namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.subject_type = p_scope.subject_type
      and t.subject_id = p_scope.subject_id
      and t.relation = any (p_scope.relations)
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    offset 0
  )
  or p_scope.group_ids is not null and exists (
    select
    from authz.tuples t
    where t.namespace = p_scope.namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.relation = any (p_scope.relations)
      and t.relation <> 'parent'
      and (t.subject_type <> 'user' or t.subject_relation is not null)
      and (t.expires_at is null or t.expires_at > now())
      and ((t.subject_type, t.subject_id, coalesce(t.subject_relation, '')) in (
        select m.type, m.id, m.relation
        from unnest(p_scope.group_types, p_scope.group_ids, p_scope.group_relations) m (type, id, relation)
        union all
        select m.type, m.id, ''
        from unnest(p_scope.group_types, p_scope.group_ids) m (type, id)
      )) is true
    offset 0
  )
  or 'user' = any (p_scope.group_types) and exists (
    select
    from unnest(p_scope.group_types, p_scope.group_ids) m (type, id)
    join authz.tuples t
      on t.namespace = p_scope.namespace
      and t.resource_type = c.type
      and t.resource_id = c.id
      and t.subject_type = 'user'
      and t.subject_id = m.id
      and t.relation = any (p_scope.relations)
      and t.relation <> 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    where m.type = 'user'
    offset 0
  );
  return v_open;
end
$$;

-- checks/_open_resources.sql
-- authz._open_resources: the resources of some types on which a scope holds what is enough, itself or through a group.
--
-- Takes    p_types  the types to look for
--          p_limit  how many are enough; all by default
-- Returns  the resources, some maybe twice
create function authz._open_resources(p_scope authz.scope, p_types text[], p_limit int default null)
returns authz.nodes
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_open authz.nodes;
begin
  select array_agg(o.type), array_agg(o.id)
  into v_open.types, v_open.ids
  from (
    select t.resource_type, t.resource_id
    from unnest(p_types) c (type)
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_scope.namespace
        and t.subject_type = p_scope.subject_type
        and t.subject_id = p_scope.subject_id
        and t.resource_type = c.type
        and t.relation = any (p_scope.relations)
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) t
    union all
    select t.resource_type, t.resource_id
    from unnest(p_scope.group_types, p_scope.group_ids, p_scope.group_relations) m (type, id, relation)
    cross join unnest(p_types) c (type)
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_scope.namespace
        and t.subject_type = m.type
        and t.subject_id = m.id
        and t.resource_type = c.type
        and t.relation = any (p_scope.relations)
        and (t.subject_relation is null or t.subject_relation = m.relation)
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) t
    limit p_limit
  ) o (type, id);
  return v_open;
end
$$;

-- checks/_admitted.sql
-- authz._admitted: those of some resources on which, or on a container around which, a scope holds what is enough.
--
-- Each container is reached once for all resources in it, however many. Which of them are open is looked up among all
-- that are open to the scope when these are few, and asked of each otherwise.
--
-- Takes    p_resource_ids  in NFC, without repeats
-- Returns  the ids that are admitted, in no order
create function authz._admitted(p_scope authz.scope, p_resource_ids text[])
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_type constant text := p_scope.resource_type;
  v_container_types text[] := authz._container_types(v_type, p_scope.namespace);
  v_is_all boolean := false;
  v_own authz.nodes;
  v_admitted text[];
  v_inner authz.nodes;
  v_outer authz.nodes;
  v_open authz.nodes;
begin
  -- What is open to the scope at all, when that is little; otherwise each resource and container is asked.
  if coalesce(cardinality(p_scope.group_ids), 0) <= 100 then
    v_open := authz._open_resources(p_scope, v_container_types || v_type, 1001);
    v_is_all := coalesce(cardinality(v_open.ids), 0) <= 1000;
  end if;
  if v_is_all and v_open.ids is null then
    return '{}';
  end if;
  v_own := case when v_is_all then v_open
    else authz._open_among(p_scope, array_fill(v_type, array[cardinality(p_resource_ids)]), p_resource_ids)
  end;
  v_admitted := array(
    select r.id
    from unnest(p_resource_ids) r (id)
    where ((v_type, r.id) in (select o.type, o.id from unnest(v_own.types, v_own.ids) o (type, id))) is true
  );
  if v_container_types = '{}' then
    return v_admitted;
  end if;

  with recursive edges (inner_type, inner_id, type, id) as (
    select v_type collate "C", r.id collate "C", t.subject_type, t.subject_id
    from unnest(p_resource_ids) r (id)
    join authz.tuples t
      on t.namespace = p_scope.namespace
      and t.resource_type = v_type
      and t.resource_id = r.id
      and t.relation = 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
    where r.id <> all (v_admitted)
    union
    select t.resource_type, t.resource_id, t.subject_type, t.subject_id
    from edges e
    join authz.tuples t
      on t.namespace = p_scope.namespace
      and t.resource_type = e.type
      and t.resource_id = e.id
      and t.relation = 'parent'
      and t.subject_relation is null
      and (t.expires_at is null or t.expires_at > now())
  )
  select array_agg(e.inner_type), array_agg(e.inner_id), array_agg(e.type), array_agg(e.id)
  into v_inner.types, v_inner.ids, v_outer.types, v_outer.ids
  from edges e;
  if v_inner.ids is null then
    return v_admitted;
  end if;

  if not v_is_all then
    select array_agg(n.type), array_agg(n.id)
    into v_open.types, v_open.ids
    from (select distinct o.type, o.id from unnest(v_outer.types, v_outer.ids) o (type, id)) n;
    v_open := authz._open_among(p_scope, v_open.types, v_open.ids);
    if v_open.ids is null then
      return v_admitted;
    end if;
  end if;

  return array(
    with recursive
      edges as materialized (
        select e.inner_type, e.inner_id, e.type, e.id
        from unnest(v_inner.types, v_inner.ids, v_outer.types, v_outer.ids) e (inner_type, inner_id, type, id)
      ),
      admitted (type, id, depth) as (
        select o.type, o.id, 0
        from unnest(v_open.types, v_open.ids) o (type, id)
        union
        select e.inner_type, e.inner_id, a.depth + 1
        from admitted a
        join edges e on e.type = a.type and e.id = a.id
        where a.depth < authz._max_depth()
      )
    select unnest(v_admitted)
    union
    select a.id from admitted a
    where a.type = v_type and (a.id in (select r.id from unnest(p_resource_ids) r (id))) is true
      and a.depth > 0
  );
end
$$;

-- checks/_permissions.sql
-- authz._permissions: every permission that a subject has on a resource.
create function authz._permissions(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope := authz._scope(p_subject_type, p_subject_id, '{}', p_resource_type, p_namespace);
  v_around authz.nodes := authz._containers(p_resource_type, normalize(p_resource_id, nfc), p_namespace);
  v_relations text[];
begin
  v_relations := array(
    select h.relation
    from unnest(v_around.types, v_around.ids) c (type, id)
    cross join lateral (
      select t.relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = v_scope.subject_type
        and t.subject_id = v_scope.subject_id
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) h
    union
    select g.relation
    from unnest(v_around.types, v_around.ids) c (type, id)
    cross join lateral (
      select t.relation, t.subject_type, t.subject_id, t.subject_relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.relation <> 'parent'
        and (t.subject_type <> 'user' or t.subject_relation is not null)
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) g
    where ((g.subject_type, g.subject_id, coalesce(g.subject_relation, '')) in (
      select m.type, m.id, m.relation
      from unnest(v_scope.group_types, v_scope.group_ids, v_scope.group_relations) m (type, id, relation)
      union all
      select m.type, m.id, ''
      from unnest(v_scope.group_types, v_scope.group_ids) m (type, id)
    )) is true
    union
    select u.relation
    from unnest(v_scope.group_types, v_scope.group_ids) m (type, id)
    cross join unnest(v_around.types, v_around.ids) c (type, id)
    cross join lateral (
      select t.relation
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.subject_type = 'user'
        and t.subject_id = m.id
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) u
    where m.type = 'user'
  );
  return authz._implied_from(p_resource_type, v_relations, p_namespace);
end
$$;

-- checks/check.sql
-- authz.check: whether a subject has a permission on a resource.
--
-- By a grant to the subject or to a group it is in, on the resource or on a container around it, of the permission or
-- of one that implies it. Anything unknown is false.
--
-- Takes    p_subject_type, p_subject_id    who asks
--          p_permission                    for what
--          p_resource_type, p_resource_id  on what
--          p_namespace                     tenant; the transaction's by default
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check('user', 'alice', 'read', 'repo', 'api');
create function authz.check(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  -- The commonest answer first: one probe of the unique key, before groups, containers and rules.
  perform
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and t.relation = p_permission
    and t.relation <> 'parent'
    and coalesce(t.subject_relation, '') = ''
    and (t.expires_at is null or t.expires_at > now());
  if found then
    return true;
  end if;
  -- Each "perform" costs as much as the probe above.
  if (p_namespace = current_setting('postkit.tenant_id', true)) is not true then
    perform authz._assert_readable(p_namespace);
  end if;
  return authz._holds_any(
    p_subject_type, normalize(p_subject_id, nfc),
    authz._implied_by(p_resource_type, array[p_permission], p_namespace),
    p_resource_type, normalize(p_resource_id, nfc), p_namespace
  );
end
$$;

-- checks/check_any.sql
-- authz.check_any: whether a subject has at least one of some permissions on a resource.
--
-- Takes    p_permissions  at most 1000; none of an empty array is held
--          the rest       as authz.check
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check_any('user', 'alice', '{read,write}', 'repo', 'api');
create function authz.check_any(
  p_subject_type text,
  p_subject_id text,
  p_permissions text[],
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_batch_size(p_permissions, 'permissions');
  perform authz._assert_readable(p_namespace);
  return authz._holds_any(
    p_subject_type, normalize(p_subject_id, nfc),
    authz._implied_by(p_resource_type, p_permissions, p_namespace),
    p_resource_type, normalize(p_resource_id, nfc), p_namespace
  );
end
$$;

-- checks/check_all.sql
-- authz.check_all: whether a subject has every one of some permissions on a resource.
--
-- Takes    p_permissions  at most 1000; all of an empty array, or of null, are held
--          the rest       as authz.check
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check_all('user', 'alice', '{read,write}', 'repo', 'api');
create function authz.check_all(
  p_subject_type text,
  p_subject_id text,
  p_permissions text[],
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._validate_batch_size(p_permissions, 'permissions');
  perform authz._assert_readable(p_namespace);
  return coalesce(p_permissions, '{}') <@ authz._permissions(
    p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace
  );
end
$$;

-- checks/check_bulk.sql
-- authz.check_bulk: many checks in one call.
--
-- Questions of one subject about one permission on resources of one type are answered together, as cheaply as by
-- authz.filter_authorized.
--
-- Takes    p_checks     at most 1000: [{"subject_type", "subject_id", "permission", "resource_type", "resource_id"}]
--          p_namespace  tenant; the transaction's by default
-- Returns  the answers of authz.check, in the order of the questions
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_ARRAY_ELEMENT_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.check_bulk('[{"subject_type": "user", "subject_id": "alice", "permission": "read",
--            "resource_type": "doc", "resource_id": "1"}]');
create function authz.check_bulk(
  p_checks jsonb,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_answers boolean[] := '{}';
  v_check record;
  v_admitted text[];
begin
  perform authz._validate_checks(p_checks);
  perform authz._assert_readable(p_namespace);
  if p_checks = '[]' then
    return v_answers;
  end if;

  v_answers[jsonb_array_length(p_checks)] := null;
  for v_check in
    select c.value ->> 'subject_type' as subject_type, c.value ->> 'subject_id' as subject_id,
      c.value ->> 'permission' as permission, c.value ->> 'resource_type' as resource_type,
      array_agg(c.position) as positions, array_agg(normalize(c.value ->> 'resource_id', nfc)) as resource_ids
    from jsonb_array_elements(p_checks) with ordinality c (value, position)
    group by 1, 2, 3, 4
  loop
    v_admitted := authz._admitted(
      authz._scope(
        v_check.subject_type, v_check.subject_id, array[v_check.permission], v_check.resource_type, p_namespace
      ),
      array(select distinct r.id from unnest(v_check.resource_ids) r (id))
    );
    for v_index in 1..cardinality(v_check.positions) loop
      v_answers[v_check.positions[v_index]] := v_check.resource_ids[v_index] = any (v_admitted);
    end loop;
  end loop;
  return v_answers;
end
$$;

-- checks/filter_authorized.sql
-- authz.filter_authorized: those of some resources on which a subject has a permission.
--
-- Takes    p_resource_ids  at most 1000
--          the rest        as authz.check
-- Returns  the ids as they were given, in byte order of their NFC form, none twice
-- Raises   VAL_BATCH_INVALID (22023) · VAL_BATCH_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select authz.filter_authorized('user', 'alice', 'doc', 'read', '{1,2,3}');
create function authz.filter_authorized(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_resource_ids text[],
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_admitted text[];
begin
  perform authz._validate_batch_size(p_resource_ids, 'resource_ids');
  perform authz._assert_readable(p_namespace);
  v_admitted := authz._admitted(
    authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace),
    array(select distinct normalize(r.id, nfc) from unnest(p_resource_ids) r (id) where r.id is not null)
  );
  return array(
    select min(r.id collate "C")
    from unnest(p_resource_ids) r (id)
    where (normalize(r.id, nfc) in (select a.id from unnest(v_admitted) a (id))) is true
    group by normalize(r.id, nfc)
    order by normalize(r.id, nfc) collate "C"
  );
end
$$;

-- checks/list_permissions.sql
-- authz.list_permissions: every permission that a subject has on a resource.
--
-- What authz.check would answer yes to: granted to it or to a group it is in, on the resource or on a container around
-- it, and all that these imply on the resource's type.
--
-- Takes    as authz.check
-- Returns  one row a permission, in byte order
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.list_permissions('user', 'alice', 'repo', 'api');
create function authz.list_permissions(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (permission text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._assert_readable(p_namespace);
  return query
  select p.permission
  from unnest(authz._permissions(
    p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace
  )) p (permission)
  order by p.permission collate "C";
end
$$;

-- resources/_containers_within.sql
-- authz._containers_within: some containers and all containers in them.
--
-- One level less than a check climbs, since the resources that are looked for are a level below.
--
-- Takes    p_types  the types of containers to look for
create function authz._containers_within(p_containers authz.nodes, p_types text[], p_namespace text)
returns authz.nodes
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_within authz.nodes;
begin
  with recursive within (type, id, depth) as (
    select c.type collate "C", c.id collate "C", 1
    from unnest(p_containers.types, p_containers.ids) c (type, id)
    union
    select e.resource_type, e.resource_id, w.depth + 1
    from within w
    cross join unnest(p_types) c (type)
    cross join lateral (
      select t.resource_type, t.resource_id
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = w.type
        and t.subject_id = w.id
        and t.resource_type = c.type
        and t.relation = 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) e
    where w.depth < authz._max_depth()
  )
  select array_agg(w.type), array_agg(w.id)
  into v_within.types, v_within.ids
  from (select distinct w.type, w.id from within w) w;
  return v_within;
end
$$;

-- resources/_spelled.sql
-- authz._spelled: ids as they were sent, for ids in NFC.
--
-- Hardly any id is sent in another form; the index of those that were tells at once that there are none.
--
-- Returns  the ids in the same order; of one that was sent in several forms, one of them
create function authz._spelled(p_resource_type text, p_resource_ids text[], p_namespace text)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id_raw is not null;
  if not found then
    return p_resource_ids;
  end if;
  return array(
    select coalesce((
      select min(t.resource_id_raw)
      from authz.tuples t
      where t.namespace = p_namespace
        and t.resource_type = p_resource_type
        and t.resource_id = r.id
        and t.resource_id_raw is not null
    ), r.id)
    from unnest(p_resource_ids) with ordinality r (id, position)
    order by r.position
  );
end
$$;

-- resources/list_resources.sql
-- authz.list_resources: a page of the resources of a type on which a subject has a permission.
--
-- Those in a container that is open to the subject are among them. What is open to it is found again for each page;
-- of what is in there, no more is read than the page needs.
--
-- Takes    p_subject_type, p_subject_id    who asks
--          p_resource_type, p_permission   for what
--          p_namespace                     tenant; the transaction's by default
--          p_limit                         ids on the page, 1 to 1000
--          p_cursor                        last id of the page before
-- Returns  one row a resource, in byte order of the NFC form of the id, which comes as it was sent
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.list_resources('user', 'alice', 'doc', 'read');
create function authz.list_resources(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default 100,
  p_cursor text default null
)
returns table (resource_id text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope;
  v_types text[];
  v_open authz.nodes;
  v_after text := coalesce(normalize(p_cursor, nfc), '');
begin
  perform authz._validate_limit(p_limit);
  perform authz._assert_readable(p_namespace);
  v_scope := authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace);
  v_types := authz._container_types(p_resource_type, p_namespace);
  if v_types <> '{}' then
    v_open := authz._containers_within(authz._open_resources(v_scope, v_types), v_types, p_namespace);
  end if;

  -- Each source is read in the order of its index and gives a page at most.
  return query
  select s.id
  from unnest(authz._spelled(
    p_resource_type,
    array(
      select own.resource_id
      from (
        select distinct t.resource_id
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = v_scope.subject_type
          and t.subject_id = v_scope.subject_id
          and t.resource_type = p_resource_type
          and t.resource_id > v_after
          and t.relation = any (v_scope.relations)
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        order by t.resource_id
        limit p_limit
      ) own
      union
      select groups.resource_id
      from unnest(v_scope.group_types, v_scope.group_ids, v_scope.group_relations) m (type, id, relation)
      cross join lateral (
        select distinct t.resource_id
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = m.type
          and t.subject_id = m.id
          and t.resource_type = p_resource_type
          and t.resource_id > v_after
          and t.relation = any (v_scope.relations)
          and (t.subject_relation is null or t.subject_relation = m.relation)
          and (t.expires_at is null or t.expires_at > now())
        order by t.resource_id
        limit p_limit
      ) groups
      union
      select contained.resource_id
      from unnest(v_open.types, v_open.ids) c (type, id)
      cross join lateral (
        select distinct t.resource_id
        from authz.tuples t
        where t.namespace = p_namespace
          and t.subject_type = c.type
          and t.subject_id = c.id
          and t.resource_type = p_resource_type
          and t.relation = 'parent'
          and t.resource_id > v_after
          and t.subject_relation is null
          and (t.expires_at is null or t.expires_at > now())
        order by t.resource_id
        limit p_limit
      ) contained
      order by 1
      limit p_limit
    ),
    p_namespace
  )) with ordinality s (id, position)
  order by s.position;
end
$$;

-- resources/visible_ids.sql
-- authz.visible_ids: every resource of a type on which a subject has a permission.
--
-- Made to filter a table of the application's own, in a form that uses the index of its key:
-- d.id = any (array(select unnest(authz.visible_ids(…))::uuid)). The cost grows with the number of ids; where a subject
-- sees most of a large table, authz.is_visible is the better way.
--
-- Takes    p_subject_type, p_subject_id    who asks
--          p_resource_type, p_permission   for what
--          p_namespace                     tenant; the transaction's by default
-- Returns  the ids in no order, none twice; one that was sent in another Unicode form than NFC in each form
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select unnest(authz.visible_ids('user', 'alice', 'doc', 'read'));
create function authz.visible_ids(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns text[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_scope authz.scope;
  v_types text[];
  v_open authz.nodes;
  v_ids text[];
begin
  perform authz._assert_readable(p_namespace);
  v_scope := authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace);
  v_types := authz._container_types(p_resource_type, p_namespace);
  if v_types <> '{}' then
    v_open := authz._containers_within(authz._open_resources(v_scope, v_types), v_types, p_namespace);
  end if;

  v_ids := array(
    select o.id
    from unnest((authz._open_resources(v_scope, array[p_resource_type])).ids) o (id)
    union
    select e.resource_id
    from unnest(v_open.types, v_open.ids) c (type, id)
    cross join lateral (
      select t.resource_id
      from authz.tuples t
      where t.namespace = p_namespace
        and t.subject_type = c.type
        and t.subject_id = c.id
        and t.resource_type = p_resource_type
        and t.relation = 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      offset 0
    ) e
  );
  return v_ids || array(
    select distinct t.resource_id_raw
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = p_resource_type
      and t.resource_id_raw is not null
      and (t.resource_id in (select i.id from unnest(v_ids) i (id))) is true
  );
end
$$;

-- resources/visibility.sql
-- authz.visibility: what decides which resources of a type a subject has a permission on, worked out once for
-- authz.is_visible to be asked of each row.
--
-- Takes    as authz.visible_ids
-- Returns  a value for authz.is_visible in the same statement; it holds only while nothing changes
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from docs d
--          where authz.is_visible((select authz.visibility('user', 'alice', 'doc', 'read')), d.id::text)
--          order by d.created_at desc limit 20;
create function authz.visibility(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns authz.scope
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_scope authz.scope;
  v_open authz.nodes;
begin
  perform authz._assert_readable(p_namespace);
  v_scope := authz._scope(p_subject_type, p_subject_id, array[p_permission], p_resource_type, p_namespace);
  v_open := authz._open_resources(v_scope, authz._container_types(p_resource_type, p_namespace));
  v_scope.container_types := v_open.types;
  v_scope.container_ids := v_open.ids;
  return v_scope;
end
$$;

-- resources/is_visible.sql
-- authz.is_visible: whether a resource is among those that authz.visibility was worked out for.
--
-- Gives the answer of authz.check for a fraction of its cost a row. Best where most rows are visible and a page ends
-- the search early; where few are, authz.visible_ids looks at those alone.
--
-- Takes    p_visibility   from authz.visibility, as an uncorrelated sub-select so that it is worked out once
--          p_resource_id  the row's id
-- Raises   BIZ_TENANT_NOT_SET (42501) · BIZ_TENANT_MISMATCH (42501), when the tenant changed before the row was read
-- Example  select authz.is_visible(authz.visibility('user', 'alice', 'doc', 'read'), '1');
create function authz.is_visible(p_visibility authz.scope, p_resource_id text)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_resource_id text := normalize(p_resource_id, nfc);
begin
  if (p_visibility.namespace = current_setting('postkit.tenant_id', true)) is not true then
    perform authz._assert_tenant(p_visibility.namespace);
  end if;
  if p_visibility.container_ids is not null and exists (
    with recursive containers (type, id, depth) as (
      select p_visibility.resource_type collate "C", v_resource_id collate "C", 0
      union
      select t.subject_type, t.subject_id, c.depth + 1
      from containers c
      join authz.tuples t
        on t.namespace = p_visibility.namespace
        and t.resource_type = c.type
        and t.resource_id = c.id
        and t.relation = 'parent'
        and t.subject_relation is null
        and (t.expires_at is null or t.expires_at > now())
      where c.depth < authz._max_depth()
    )
    select
    from containers c
    where ((c.type, c.id) in (
      select o.type, o.id from unnest(p_visibility.container_types, p_visibility.container_ids) o (type, id)
    )) is true
  ) then
    return true;
  end if;

  return (
    authz._open_among(p_visibility, array[p_visibility.resource_type], array[v_resource_id])
  ).ids is not null;
end
$$;

-- maintenance/_describe_cycle.sql
-- authz._describe_cycle: the way around a cycle as text; the middle of a long one is left out.
create function authz._describe_cycle(p_names text[], p_nodes int[])
returns text
language plpgsql
immutable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_length int := cardinality(p_nodes);
  v_text text := p_names[p_nodes[1]];
begin
  for v_index in 2..v_length loop
    if v_index <= 8 or v_index = v_length then
      v_text := v_text || ' in ' || p_names[p_nodes[v_index]];
    elsif v_index = 9 then
      v_text := v_text || format(' in … (%s more)', v_length - 9);
    end if;
  end loop;
  return v_text || ' in ' || p_names[p_nodes[1]];
end
$$;

-- maintenance/_find_cycle.sql
-- authz._find_cycle: a cycle of groups or of resources in a namespace, as text; null when there is none.
--
-- Writes refuse cycles: one is there only when rows came by another way. Ignores expiry, as they do. Walks depth-first
-- and follows each edge once, so that time grows with the number of edges and not of paths. Nodes are numbered without
-- a join, whose plan would hang on statistics.
--
-- Takes    p_relation  'member' or 'parent'
create function authz._find_cycle(p_relation text, p_namespace text)
returns text
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_names text[];
  v_sources int[];
  v_targets int[];
  -- By node: its edges yet to follow, and whether it is unseen (0), on the path (1) or done (2).
  v_next int[];
  v_last int[];
  v_state int[];
  v_path int[];
  v_depth int;
  v_node int;
  v_target int;
begin
  with edges as (
    select t.id,
      t.resource_type || ':' || t.resource_id as resource,
      t.subject_type || ':' || t.subject_id as subject
    from authz.tuples t
    where t.namespace = p_namespace
      and t.relation = p_relation
      and (p_relation = 'parent' or t.subject_type <> 'user')
  ),
  -- An edge leads from what is inside to what it is in.
  ends as (
    select e.id, n.name, n.is_source
    from edges e
    cross join lateral (
      values (e.resource, p_relation = 'parent'), (e.subject, p_relation <> 'parent')
    ) n (name, is_source)
  ),
  marked as (
    select e.id, e.name, e.is_source,
      bool_or(e.is_source) over (partition by e.name) and bool_or(not e.is_source) over (partition by e.name)
        as is_inner
    from ends e
  ),
  -- Most resources contain nothing and most groups are in none: these are on no cycle.
  numbered as (
    select m.id, m.name, m.is_source, dense_rank() over (order by m.name)::int as node
    from marked m
    where m.is_inner
  ),
  inner_edges as (
    select max(n.node) filter (where n.is_source) as source, max(n.node) filter (where not n.is_source) as target
    from numbered n
    group by n.id
    having count(*) = 2
  )
  select (select array_agg(distinct n.name order by n.name) from numbered n),
    array_agg(e.source order by e.source), array_agg(e.target order by e.source)
  into v_names, v_sources, v_targets
  from inner_edges e;
  if v_targets is null then
    return null;
  end if;

  v_next := array_fill(0, array[cardinality(v_names)]);
  v_last := array_fill(-1, array[cardinality(v_names)]);
  v_state := array_fill(0, array[cardinality(v_names)]);
  v_path := array_fill(0, array[cardinality(v_names)]);
  for v_edge in 1..cardinality(v_sources) loop
    v_node := v_sources[v_edge];
    if v_next[v_node] = 0 then
      v_next[v_node] := v_edge;
    end if;
    v_last[v_node] := v_edge;
  end loop;

  for v_root in 1..cardinality(v_names) loop
    continue when v_state[v_root] <> 0;
    v_state[v_root] := 1;
    v_depth := 1;
    v_path[1] := v_root;
    while v_depth > 0 loop
      v_node := v_path[v_depth];
      if v_next[v_node] > v_last[v_node] then
        v_state[v_node] := 2;
        v_depth := v_depth - 1;
        continue;
      end if;
      v_target := v_targets[v_next[v_node]];
      v_next[v_node] := v_next[v_node] + 1;
      if v_state[v_target] = 0 then
        v_state[v_target] := 1;
        v_depth := v_depth + 1;
        v_path[v_depth] := v_target;
      elsif v_state[v_target] = 1 then
        return authz._describe_cycle(v_names, v_path[array_position(v_path, v_target):v_depth]);
      end if;
    end loop;
  end loop;
  return null;
end
$$;

-- maintenance/verify_integrity.sql
-- authz.verify_integrity: what is not as it should be in a namespace, and in the audit.
--
-- Cycles are refused when they are written; group_cycles and resource_cycles tell of one that came by another way.
-- Access through it is found all the same, up to the depth of 50. type_graph tells that tuples were loaded with triggers
-- off, so that grants are not found: authz.rebuild_graph mends that. audit_partitions tells that events, of whatever
-- tenant, had to go to the default partition: authz.create_audit_partition for their month moves them.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Returns  a row for each finding, none when all is well: ('system', 'group_cycles', 'warning', …),
--          ('system', 'resource_cycles', 'warning', …), ('system', 'type_graph', 'error', …),
--          ('system', 'audit_partitions', 'error', …)
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.verify_integrity();
create function authz.verify_integrity(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (resource_type text, resource_id text, status text, details text)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_cycle text;
begin
  perform authz._assert_readable(p_namespace);
  v_cycle := authz._find_cycle('member', p_namespace);
  if v_cycle is not null then
    return query select 'system', 'group_cycles', 'warning', 'groups are members of each other: ' || v_cycle;
  end if;
  v_cycle := authz._find_cycle('parent', p_namespace);
  if v_cycle is not null then
    return query select 'system', 'resource_cycles', 'warning', 'resources are inside each other: ' || v_cycle;
  end if;
  if not authz._group_types_in_use(p_namespace) <@ coalesce((
      select g.group_types from authz.graph_state g where g.namespace = p_namespace
    ), '{}')
    or exists (
      select
      from authz.tuples t
      where t.namespace = p_namespace
        and t.relation = 'parent'
        and not exists (
          select
          from authz.type_edges e
          where e.namespace = p_namespace
            and e.child_type = t.resource_type
            and e.parent_type = t.subject_type
        )
    )
  then
    return query select 'system', 'type_graph', 'error',
      'tuples came by without their triggers, so that access is missing: call authz.rebuild_graph';
  end if;
  if authz._audit_default_has_rows() then
    return query select 'system', 'audit_partitions', 'error',
      'the default partition of the audit holds events: create the partitions of their months';
  end if;
end
$$;

-- maintenance/get_stats.sql
-- authz.get_stats: how much there is in a namespace.
--
-- Takes    p_namespace  tenant; the transaction's by default
-- Returns  one row: tuples, ended ones that are still stored among them; rules, global ones among them; how many
--          subjects of type user, and how many resources, have a tuple
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.get_stats();
create function authz.get_stats(
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns table (tuple_count bigint, hierarchy_rule_count bigint, unique_users bigint, unique_resources bigint)
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
begin
  perform authz._assert_readable(p_namespace);
  return query
    select count(*),
      (select count(*) from authz.permission_hierarchy h where h.namespace in (p_namespace, 'global')),
      count(distinct t.subject_id) filter (where t.subject_type = 'user'),
      count(distinct (t.resource_type, t.resource_id))
    from authz.tuples t
    where t.namespace = p_namespace;
end
$$;

-- grants/list_subject_grants.sql
-- authz.list_subject_grants: what was granted to a subject itself, by resource.
--
-- Nothing that it has through groups, containers or rules. Memberships and containments are grants as well, and so is
-- what was granted to the holders of a relation on the subject.
--
-- Takes    p_subject_type, p_subject_id  the subject
--          p_namespace                   tenant; the transaction's by default
--          p_resource_type               only grants on resources of this type
--          p_limit                       grants on the page, 1 to 1000; all by default
--          p_cursor_resource_type, p_cursor_resource_id, p_cursor_relation, p_cursor_subject_relation
--                                        the last grant of the page before
-- Returns  one row a grant that has not ended, ordered by its first four columns byte by byte, where ids compare in
--          Unicode form NFC; ids as they were sent
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select * from authz.list_subject_grants('user', 'alice', p_resource_type => 'repo');
create function authz.list_subject_grants(
  p_subject_type text,
  p_subject_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_resource_type text default null,
  p_limit int default null,
  p_cursor_resource_type text default null,
  p_cursor_resource_id text default null,
  p_cursor_relation text default null,
  p_cursor_subject_relation text default null
)
returns table (
  resource_type text,
  resource_id text,
  relation text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_limit is not null then
    perform authz._validate_limit(p_limit);
  end if;
  perform authz._assert_readable(p_namespace);
  return query
  select
    t.resource_type::text,
    coalesce(t.resource_id_raw, t.resource_id)::text,
    t.relation::text,
    t.subject_relation::text,
    t.expires_at
  from authz.tuples t
  where t.namespace = p_namespace
    and t.subject_type = p_subject_type
    and t.subject_id = normalize(p_subject_id, nfc)
    and t.resource_type between coalesce(p_resource_type, '') and coalesce(p_resource_type, '~')
    and (t.resource_type, t.resource_id, t.relation, coalesce(t.subject_relation, '')) > (
      coalesce(p_cursor_resource_type, ''), normalize(coalesce(p_cursor_resource_id, ''), nfc),
      coalesce(p_cursor_relation, ''), coalesce(p_cursor_subject_relation, '')
    )
    and (t.expires_at is null or t.expires_at > now())
  order by t.resource_type, t.resource_id, t.relation, coalesce(t.subject_relation, '')
  limit p_limit;
end
$$;

-- grants/list_resource_grants.sql
-- authz.list_resource_grants: what was granted on a resource itself, by subject.
--
-- Nothing that comes from containers or rules, and not the containers it is in: what authz.sync_grants keeps equal to a
-- list.
--
-- Takes    p_resource_type, p_resource_id  the resource
--          p_namespace                     tenant; the transaction's by default
--          p_limit                         grants on the page, 1 to 1000; all by default
--          p_cursor_subject_type, p_cursor_subject_id, p_cursor_relation, p_cursor_subject_relation
--                                          the last grant of the page before
-- Returns  one row a grant that has not ended, ordered by its first four columns byte by byte, where ids compare in
--          Unicode form NFC; ids as they were sent
-- Raises   VAL_NAMESPACE_NULL (22004) · VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023)
-- Example  select * from authz.list_resource_grants('repo', 'api');
create function authz.list_resource_grants(
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default null,
  p_cursor_subject_type text default null,
  p_cursor_subject_id text default null,
  p_cursor_relation text default null,
  p_cursor_subject_relation text default null
)
returns table (
  subject_type text,
  subject_id text,
  relation text,
  subject_relation text,
  expires_at timestamptz
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  if p_limit is not null then
    perform authz._validate_limit(p_limit);
  end if;
  perform authz._assert_readable(p_namespace);
  return query
  select
    t.subject_type::text,
    coalesce(t.subject_id_raw, t.subject_id)::text,
    t.relation::text,
    t.subject_relation::text,
    t.expires_at
  from authz.tuples t
  where t.namespace = p_namespace
    and t.resource_type = p_resource_type
    and t.resource_id = normalize(p_resource_id, nfc)
    and t.relation <> 'parent'
    and (t.subject_type, t.subject_id, t.relation, coalesce(t.subject_relation, '')) > (
      coalesce(p_cursor_subject_type, ''), normalize(coalesce(p_cursor_subject_id, ''), nfc),
      coalesce(p_cursor_relation, ''), coalesce(p_cursor_subject_relation, '')
    )
    and (t.expires_at is null or t.expires_at > now())
  order by t.subject_type, t.subject_id, t.relation, coalesce(t.subject_relation, '')
  limit p_limit;
end
$$;

-- sharing/_assert_viewer.sql
-- authz._assert_viewer: refuses a subject that is not the viewer of this transaction.
--
-- Raises   BIZ_VIEWER_NOT_SET (42501) · BIZ_VIEWER_MISMATCH (42501)
create function authz._assert_viewer(p_subject_type text, p_subject_id text)
returns void
language plpgsql
stable
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_type text := nullif(current_setting('postkit.viewer_type', true), '');
  v_id text := nullif(current_setting('postkit.viewer_id', true), '');
begin
  if v_type is null or v_id is null then
    raise exception 'no viewer is set: call authz.set_viewer first'
      using errcode = '42501', hint = 'postkit:authz:BIZ_VIEWER_NOT_SET';
  end if;
  if (v_type, normalize(v_id, nfc)) is distinct from (p_subject_type, normalize(p_subject_id, nfc)) then
    raise exception 'subject is not the viewer of this transaction'
      using errcode = '42501', hint = 'postkit:authz:BIZ_VIEWER_MISMATCH';
  end if;
end
$$;

-- sharing/list_external_resources.sql
-- authz.list_external_resources: a page of what other tenants share with the viewer, newest first.
--
-- Finds grants to the viewer itself in any namespace but the tenant's: none to its groups, none on containers. Of the
-- rules only those of namespace global widen the permission. A subject's id means the same subject in every
-- namespace here, so subjects whose ids are unique only within a tenant must not ask.
--
-- Runs as the owner, since no other role sees more than one tenant; a policy for recipients would cost every check.
--
-- Takes    p_subject_type, p_subject_id  the viewer, as in authz.set_viewer
--          p_resource_type               only resources of this type
--          p_permission                  only grants that give it
--          p_namespace                   tenant; the transaction's by default
--          p_limit                       grants on the page, 1 to 1000
--          p_cursor                      cursor of the last grant of the page before
-- Returns  one row a grant that has not ended; ids as they were sent; cursor is opaque
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_CURSOR_INVALID (22023)
--          · VAL_NAMESPACE_NULL (22004) · BIZ_VIEWER_NOT_SET (42501) · BIZ_VIEWER_MISMATCH (42501)
-- Example  select * from authz.list_external_resources('user', 'alice', 'doc', 'read');
create function authz.list_external_resources(
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default 100,
  p_cursor text default null
)
returns table (
  namespace text,
  resource_id text,
  relation text,
  created_at timestamptz,
  expires_at timestamptz,
  cursor text
)
language plpgsql
stable
security definer
set search_path = authz, pg_temp
as $$
declare
  v_before authz.audit_position;
  v_relations text[];
  v_maintenance text := coalesce(current_setting('postkit.maintenance', true), '');
begin
  perform authz._validate_limit(p_limit);
  if p_namespace is null then
    perform authz._validate_namespace(p_namespace);
  end if;
  v_before := coalesce(authz._decode_audit_cursor(p_cursor), row('infinity', 0)::authz.audit_position);
  perform authz._assert_viewer(p_subject_type, p_subject_id);
  perform authz._warn_tenant(p_namespace);
  if current_setting('postkit.tenant_id', true) is distinct from p_namespace then
    return;
  end if;
  v_relations := authz._implied_by(p_resource_type, array[p_permission], 'global');

  perform set_config('postkit.maintenance', 'on', true);
  -- Both sides of the own namespace, rather than <>: the index passes over a viewer's many grants at home.
  return query
  select
    t.namespace::text,
    coalesce(t.resource_id_raw, t.resource_id)::text,
    t.relation::text,
    t.created_at,
    t.expires_at,
    authz._encode_audit_cursor(t.created_at, t.id)
  from authz.tuples t
  where t.subject_id collate "POSIX" = normalize(p_subject_id, nfc)
    and t.subject_type = p_subject_type
    and (t.namespace < p_namespace or t.namespace > p_namespace)
    and t.subject_relation is null
    and t.resource_type = p_resource_type
    and t.relation = any (v_relations)
    and (t.expires_at is null or t.expires_at > now())
    and (t.created_at, t.id) < (v_before.event_time, v_before.id)
  order by t.created_at desc, t.id desc
  limit p_limit;
  perform set_config('postkit.maintenance', v_maintenance, true);
end
$$;

-- sharing/leave_external_resource.sql
-- authz.leave_external_resource: gives up what another tenant granted to the viewer.
--
-- Takes back one grant to the viewer itself, as authz.list_external_resources shows it, and nothing else of that
-- tenant, in whose audit the change is written with the actor of this transaction.
--
-- Takes    p_resource_type, p_resource_id  what the grant is on
--          p_relation                      the permission that was granted, not one that it implies
--          p_subject_type, p_subject_id    the viewer, as in authz.set_viewer
--          p_owner_namespace               the tenant that granted
--          p_namespace                     tenant; the transaction's by default
-- Returns  whether there was such a grant in another namespace
-- Raises   VAL_IDENTIFIER_NULL (22004) · VAL_IDENTIFIER_EMPTY (22026) · VAL_IDENTIFIER_TOO_LONG (22001)
--          · VAL_IDENTIFIER_FORMAT (22023) · VAL_ID_NULL (22004) · VAL_ID_EMPTY (22026) · VAL_ID_TOO_LONG (22001)
--          · VAL_ID_INVALID_CHARS (22023) · VAL_ID_WHITESPACE (22023) · VAL_NAMESPACE_NULL (22004)
--          · VAL_NAMESPACE_EMPTY (22026) · VAL_NAMESPACE_TOO_LONG (22001) · VAL_NAMESPACE_INVALID_CHARS (22023)
--          · VAL_NAMESPACE_WHITESPACE (22023) · BIZ_TENANT_NOT_SET (42501) · BIZ_VIEWER_NOT_SET (42501)
--          · BIZ_VIEWER_MISMATCH (42501)
-- Writes   authz.tuples, authz.audit_events · Locks authz.graph_state for edges of groups and of nestable containers
-- Example  select authz.leave_external_resource('doc', '1', 'read', 'user', 'alice', 'globex');
create function authz.leave_external_resource(
  p_resource_type text,
  p_resource_id text,
  p_relation text,
  p_subject_type text,
  p_subject_id text,
  p_owner_namespace text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns boolean
language plpgsql
volatile
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_tenant text := current_setting('postkit.tenant_id', true);
  v_left boolean;
begin
  perform authz._validate_identifier(p_resource_type, 'resource_type');
  perform authz._validate_identifier(p_relation, 'relation');
  perform authz._validate_identifier(p_subject_type, 'subject_type');
  perform authz._validate_id(p_resource_id, 'resource_id');
  perform authz._validate_id(p_subject_id, 'subject_id');
  perform authz._validate_id(p_owner_namespace, 'owner_namespace', 'VAL_NAMESPACE');
  perform authz._validate_namespace(p_namespace);
  perform authz._assert_tenant_set();
  perform authz._assert_viewer(p_subject_type, p_subject_id);
  perform authz._warn_tenant(p_namespace);
  if p_owner_namespace = p_namespace or not authz._is_tenant(p_namespace) then
    return false;
  end if;

  -- The grant is locked, deleted and recorded as the tenant's that made it. An error takes this setting back, too.
  perform set_config('postkit.tenant_id', p_owner_namespace, true);
  v_left := authz.delete_tuple(
    p_resource_type, p_resource_id, p_relation, p_subject_type, p_subject_id, null, p_owner_namespace
  );
  perform set_config('postkit.tenant_id', v_tenant, true);
  return v_left;
end
$$;

-- explanations/types.sql
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

-- explanations/_max_described.sql
-- authz._max_described: how many elements each list of an explanation in JSON has at most.
create function authz._max_described()
returns int
language sql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
  select 100
$$;

-- explanations/_best_trails.sql
-- authz._best_trails: of the trails to each thing the best one: fewest obstacles, then longest lasting, then shortest.
--
-- One trail a thing keeps the walk polynomial, and a walk that takes its rounds by length of the trails finds the best
-- of that length or less, since a better trail that is longer replaces a shorter one and is followed anew.
create function authz._best_trails(p_reached authz.trail[], p_found authz.trail[])
returns authz.trail[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return array(
    select distinct on (f.type, f.id, f.relation) f
    from unnest(p_reached || p_found) f
    order by f.type, f.id, f.relation, f.obstacles, f.expires_at desc, cardinality(f.tuple_ids), f.tuple_ids
  );
end
$$;

-- explanations/_trace_memberships.sql
-- authz._trace_memberships: what a subject is: itself, and the holder of relations on groups, by the best trails.
--
-- As in authz._scope: any relation it holds on a group counts, from there on member edges lead up, an edge with a
-- subject_relation admits only those who hold it, and only types that are subjects of something are groups.
--
-- Takes    p_max_depth  edges that a trail has at most
--          p_loose      follows edges that have ended or ask for another relation as well, as obstacles
create function authz._trace_memberships(
  p_subject_type text,
  p_subject_id text,
  p_namespace text,
  p_max_depth int,
  p_loose boolean
)
returns authz.trail[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_reached authz.trail[] := array[row(p_subject_type, p_subject_id, null, 0, 'infinity', '{}')::authz.trail];
  v_found authz.trail[];
  v_group_types text[];
begin
  select g.group_types into v_group_types from authz.graph_state g where g.namespace = p_namespace;
  for v_depth in 1..p_max_depth loop
    if v_depth = 1 then
      v_found := array(
        select row(
          t.resource_type, t.resource_id, t.relation, (t.expires_at is not null and t.expires_at <= now())::int,
          coalesce(t.expires_at, 'infinity'), array[t.id]
        )::authz.trail
        from unnest(v_group_types) g (type)
        -- Offset 0 has the planner probe for each type, whatever it believes about the size of the table.
        cross join lateral (
          select e.id, e.resource_type, e.resource_id, e.relation, e.expires_at
          from authz.tuples e
          where e.namespace = p_namespace
            and e.subject_type = p_subject_type
            and e.subject_id = p_subject_id
            and e.resource_type = g.type
            and e.subject_relation is null
            and e.relation <> 'parent'
            and (p_loose or e.expires_at is null or e.expires_at > now())
          offset 0
        ) t
      );
    else
      v_found := array(
        select row(
          t.resource_type, t.resource_id, t.relation,
          r.obstacles
            + (t.expires_at is not null and t.expires_at <= now())::int
            + (t.subject_relation is not null and t.subject_relation <> r.relation)::int,
          least(r.expires_at, t.expires_at), r.tuple_ids || t.id
        )::authz.trail
        from unnest(v_reached) r
        cross join unnest(v_group_types) g (type)
        cross join lateral (
          select e.id, e.resource_type, e.resource_id, e.relation, e.subject_relation, e.expires_at
          from authz.tuples e
          where e.namespace = p_namespace
            and e.subject_type = r.type
            and e.subject_id = r.id
            and e.resource_type = g.type
            and e.relation = 'member'
            and (p_loose or e.subject_relation is null or e.subject_relation = r.relation)
            and (p_loose or e.expires_at is null or e.expires_at > now())
          offset 0
        ) t
        where cardinality(r.tuple_ids) = v_depth - 1
      );
    end if;
    exit when cardinality(v_found) = 0;
    v_reached := authz._best_trails(v_reached, v_found);
  end loop;
  return v_reached;
end
$$;

-- explanations/_trace_containers.sql
-- authz._trace_containers: a resource and the containers around it, by the best trails.
--
-- Takes    p_max_depth  edges that a trail has at most
--          p_loose      follows edges that have ended as well, as obstacles
create function authz._trace_containers(
  p_resource_type text,
  p_resource_id text,
  p_namespace text,
  p_max_depth int,
  p_loose boolean
)
returns authz.trail[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_reached authz.trail[] := array[row(p_resource_type, p_resource_id, null, 0, 'infinity', '{}')::authz.trail];
  v_found authz.trail[];
begin
  for v_depth in 1..p_max_depth loop
    v_found := array(
      select row(
        t.subject_type, t.subject_id, null,
        r.obstacles + (t.expires_at is not null and t.expires_at <= now())::int,
        least(r.expires_at, t.expires_at), r.tuple_ids || t.id
      )::authz.trail
      from unnest(v_reached) r
      -- Offset 0 has the planner probe for each trail, whatever it believes about the size of the table.
      cross join lateral (
        select e.id, e.subject_type, e.subject_id, e.expires_at
        from authz.tuples e
        where e.namespace = p_namespace
          and e.resource_type = r.type
          and e.resource_id = r.id
          and e.relation = 'parent'
          and e.subject_relation is null
          and (p_loose or e.expires_at is null or e.expires_at > now())
        offset 0
      ) t
      where cardinality(r.tuple_ids) = v_depth - 1
    );
    exit when cardinality(v_found) = 0;
    v_reached := authz._best_trails(v_reached, v_found);
  end loop;
  return v_reached;
end
$$;

-- explanations/_rule_chains.sql
-- authz._rule_chains: how each relation that gives a permission does: the permissions from it to the one asked for.
--
-- Takes    p_max_depth  rules that a chain has at most
-- Returns  an object with a shortest chain, an array, for each relation of authz._implied_by
create function authz._rule_chains(p_resource_type text, p_permission text, p_namespace text, p_max_depth int)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_relations text[] := authz._implied_by(p_resource_type, array[p_permission], p_namespace);
begin
  return (
    with recursive
      reached (permission, depth) as (
        select p_permission collate "C", 0
        union
        select h.permission, r.depth + 1
        from reached r
        join authz.permission_hierarchy h
          on h.namespace in (p_namespace, 'global')
          and h.resource_type = p_resource_type
          and h.implies = r.permission
          and h.permission = any (v_relations)
        where r.depth < p_max_depth
      ),
      nearest (permission, depth) as (
        select r.permission, min(r.depth) from reached r group by r.permission
      ),
      steps (permission, implies) as (
        select n.permission, min(h.implies)
        from nearest n
        join authz.permission_hierarchy h
          on h.namespace in (p_namespace, 'global')
          and h.resource_type = p_resource_type
          and h.permission = n.permission
        join nearest i on i.permission = h.implies and i.depth = n.depth - 1
        group by n.permission
      ),
      chains (relation, permission, chain) as (
        select n.permission, n.permission, jsonb_build_array(n.permission)
        from nearest n
        where n.permission = any (v_relations)
        union all
        select c.relation, s.implies, c.chain || jsonb_build_array(s.implies)
        from chains c
        join steps s on s.permission = c.permission
      )
    select coalesce(jsonb_object_agg(c.relation, c.chain), '{}')
    from chains c
    where c.permission = p_permission
  );
end
$$;

-- explanations/_granting_paths.sql
-- authz._granting_paths: the grants that bring together what a subject is and where a resource is, each once, by its
-- best trails; the best first.
--
-- Takes    p_memberships  from authz._trace_memberships
--          p_containers   from authz._trace_containers
--          p_relations    relations that are enough
--          p_loose        takes grants that have ended or ask for another relation as well, as obstacles
create function authz._granting_paths(
  p_memberships authz.trail[],
  p_containers authz.trail[],
  p_relations text[],
  p_namespace text,
  p_loose boolean
)
returns authz.granting_path[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    with granted_on as materialized (
      select c.type, c.id, c.obstacles, c.expires_at, c.tuple_ids
      from unnest(p_containers) c
      cross join lateral (
        select
        from authz.tuples e
        where e.namespace = p_namespace
          and e.resource_type = c.type
          and e.resource_id = c.id
          and e.relation <> 'parent'
        limit 1
      ) t
    )
    select row(g.id, g.relation, g.membership_ids, g.container_ids, g.obstacles, g.expires_at)::authz.granting_path
    from (
      select distinct on (t.id)
        t.id, t.relation, m.tuple_ids as membership_ids, c.tuple_ids as container_ids,
        m.obstacles + c.obstacles
          + (t.expires_at is not null and t.expires_at <= now())::int
          + (t.subject_relation is not null and t.subject_relation <> m.relation)::int as obstacles,
        least(m.expires_at, c.expires_at, t.expires_at) as expires_at,
        cardinality(m.tuple_ids) + cardinality(c.tuple_ids) as length
      from granted_on c
      cross join unnest(p_memberships) m
      cross join unnest(p_relations) r (relation)
      -- Offset 0 has the planner probe the key of each: a resource may have any number of grants that lead nowhere.
      cross join lateral (
        select e.id, e.relation, e.subject_relation, e.expires_at
        from authz.tuples e
        where e.namespace = p_namespace
          and e.resource_type = c.type
          and e.resource_id = c.id
          and e.relation = r.relation
          and e.subject_type = m.type
          and e.subject_id = m.id
          and (e.subject_relation is null or m.relation is not null)
          and (p_loose or e.subject_relation is null or e.subject_relation = m.relation)
          and (p_loose or e.expires_at is null or e.expires_at > now())
        offset 0
      ) t
      order by t.id, obstacles, expires_at desc, length, m.tuple_ids
    ) g
    order by g.obstacles, g.expires_at desc, g.length, g.id
  );
end
$$;

-- explanations/_tuples_of.sql
-- authz._tuples_of: tuples by their ids, in that order.
create function authz._tuples_of(p_tuple_ids bigint[], p_namespace text)
returns setof authz.tuples
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select t.*
    from unnest(p_tuple_ids) with ordinality i (id, position)
    cross join lateral (
      select e.*
      from authz.tuples e
      where e.namespace = p_namespace
        and e.id = i.id
      offset 0
    ) t
    order by i.position;
end
$$;

-- explanations/_explain_paths.sql
-- authz._explain_paths: each grant that gives a subject a permission on a resource, in words to be put together.
--
-- Returns  membership   what the subject is to the grant's subject; null where it is that subject itself
--          groups       those it is in, from the first to the grant's subject
--          permissions  from the granted one to the one asked for
--          containers   from the resource to the one that the grant is on
create function authz._explain_paths(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text,
  p_max_depth int
)
returns table (
  path_type text,
  subject_type text,
  subject_id text,
  membership text,
  groups text[],
  permissions text[],
  containers text[]
)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_max_depth int := least(coalesce(p_max_depth, authz._max_depth()), authz._max_depth());
  v_rules jsonb;
  v_paths authz.granting_path[];
begin
  perform authz._assert_readable(p_namespace);
  v_rules := authz._rule_chains(p_resource_type, p_permission, p_namespace, v_max_depth);
  v_paths := authz._granting_paths(
    authz._trace_memberships(p_subject_type, normalize(p_subject_id, nfc), p_namespace, v_max_depth, false),
    authz._trace_containers(p_resource_type, normalize(p_resource_id, nfc), p_namespace, v_max_depth, false),
    array(select jsonb_object_keys(v_rules)), p_namespace, false
  );
  return query
    select
      case
        when cardinality(p.container_ids) > 0 then 'resource'
        when jsonb_array_length(v_rules -> p.relation) > 1 then 'hierarchy'
        when cardinality(p.membership_ids) > 0 then 'group'
        else 'direct'
      end as path_type,
      g.subject_type::text,
      coalesce(g.subject_id_raw, g.subject_id)::text,
      m.relations[cardinality(m.relations)],
      coalesce(m.groups, '{}'),
      array(select jsonb_array_elements_text(v_rules -> p.relation)),
      (p_resource_type || ':' || p_resource_id) || c.containers
    from unnest(v_paths) p
    -- Offset 0 has the planner look up each id, whatever it believes about the size of the table.
    cross join lateral (
      select e.* from authz.tuples e where e.namespace = p_namespace and e.id = p.grant_id offset 0
    ) g
    cross join lateral (
      select
        array_agg(t.relation::text order by i.position) as relations,
        array_agg(t.resource_type || ':' || coalesce(t.resource_id_raw, t.resource_id) order by i.position) as groups
      from unnest(p.membership_ids) with ordinality i (id, position)
      cross join lateral (
        select e.* from authz.tuples e where e.namespace = p_namespace and e.id = i.id offset 0
      ) t
    ) m
    cross join lateral (
      select
        array_agg(t.subject_type || ':' || coalesce(t.subject_id_raw, t.subject_id) order by i.position) as containers
      from unnest(p.container_ids) with ordinality i (id, position)
      cross join lateral (
        select e.* from authz.tuples e where e.namespace = p_namespace and e.id = i.id offset 0
      ) t
    ) c
    order by
      path_type, cardinality(p.membership_ids) + cardinality(p.container_ids), g.resource_type, g.resource_id,
      g.subject_type, g.subject_id, g.relation, g.subject_relation;
end
$$;

-- explanations/explain.sql
-- authz.explain: every grant that gives a subject a permission on a resource, each with one way in which it does: of
-- those that last longest a shortest.
--
-- A row is there exactly when authz.check is true. What ended is not followed.
--
-- Takes    p_max_depth  how far groups, containers and rules are followed; 50 by default and at most
--          the rest     as authz.check
-- Returns  path_type         direct; group, by a membership; hierarchy, by a rule; resource, by a container, which a
--                            group and a rule may have part in
--          via_relation      what was granted
--          via_subject_type, via_subject_id  to whom
--          via_membership    what the subject is to that group; null for a grant to itself
--          path_chain        group: those the subject is in, up to the granted one; hierarchy: the permissions from
--                            the granted one to that asked for; resource: the resource and the containers up to the
--                            granted one; direct: empty
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.explain('user', 'alice', 'read', 'repo', 'api');
create function authz.explain(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_max_depth int default null
)
returns setof authz.permission_path
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return query
    select p.path_type, p.permissions[1], p.subject_type, p.subject_id, p.membership,
      case p.path_type
        when 'group' then p.groups
        when 'hierarchy' then p.permissions
        when 'resource' then p.containers
        else '{}'
      end
    from authz._explain_paths(
      p_subject_type, p_subject_id, p_permission, p_resource_type, p_resource_id, p_namespace, p_max_depth
    ) p;
end
$$;

-- explanations/explain_text.sql
-- authz.explain_text: why a subject has a permission on a resource, in a line for each grant that gives it; else a line
-- that begins with NO ACCESS.
--
-- Takes    as authz.check
-- Returns  lines of these forms
--            DIRECT: user:alice has read on doc:1
--            GROUP: user:alice is member of team:eng which has read on doc:1
--            GROUP: user:alice is member of team:eng which has read on doc:1 (via team:infra -> team:eng)
--            HIERARCHY: user:alice has edit (edit -> read) on doc:1
--            RESOURCE: user:alice has read on folder:a which contains doc:1 -> folder:b -> folder:a
--            NO ACCESS: user:alice does not have read on doc:1
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.explain_text('user', 'alice', 'read', 'repo', 'api');
create function authz.explain_text(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns setof text
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return query
    select
      format('%s: %s:%s ', upper(p.path_type), p_subject_type, p_subject_id)
      || case
        when p.membership is null then ''
        else format('is %s of %s:%s which ', p.membership, p.subject_type, p.subject_id)
      end
      || format('has %s ', p.permissions[1])
      || case
        when cardinality(p.permissions) = 1 then ''
        else format('(%s) ', array_to_string(p.permissions, ' -> '))
      end
      || format('on %s', p.containers[cardinality(p.containers)])
      || case
        when cardinality(p.containers) = 1 then ''
        else format(' which contains %s', array_to_string(p.containers, ' -> '))
      end
      || case
        when cardinality(p.groups) < 2 then ''
        else format(' (via %s)', array_to_string(p.groups, ' -> '))
      end
    from authz._explain_paths(
      p_subject_type, p_subject_id, p_permission, p_resource_type, p_resource_id, p_namespace, null
    ) p;
  if not found then
    return next format(
      'NO ACCESS: %s:%s does not have %s on %s:%s',
      p_subject_type, p_subject_id, p_permission, p_resource_type, p_resource_id
    );
  end if;
end
$$;

-- explanations/_describe_edges.sql
-- authz._describe_edges: tuples by their ids, in that order, as an array of objects.
create function authz._describe_edges(p_tuple_ids bigint[], p_namespace text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return (
    select
      coalesce(
        jsonb_agg(
          jsonb_build_object(
            'resource', jsonb_build_object('type', t.resource_type, 'id', coalesce(t.resource_id_raw, t.resource_id)),
            'relation', t.relation,
            'subject', jsonb_build_object(
              'type', t.subject_type, 'id', coalesce(t.subject_id_raw, t.subject_id), 'relation', t.subject_relation
            ),
            'expires_at', nullif(t.expires_at, 'infinity')
          )
          order by t.ordinality
        ),
        '[]'
      )
    from authz._tuples_of(p_tuple_ids, p_namespace) with ordinality t
  );
end
$$;

-- explanations/_describe_path.sql
-- authz._describe_path: a way to a permission as an object.
--
-- Takes    p_rules  from authz._rule_chains
create function authz._describe_path(p_path authz.granting_path, p_rules jsonb, p_namespace text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return jsonb_build_object(
    'grant', authz._describe_edges(array[p_path.grant_id], p_namespace) -> 0,
    'memberships', authz._describe_edges(p_path.membership_ids, p_namespace),
    'containers', authz._describe_edges(p_path.container_ids, p_namespace),
    'permissions', p_rules -> p_path.relation
  );
end
$$;

-- explanations/_describe_obstacles.sql
-- authz._describe_obstacles: what keeps a way from giving its permission: edges that have ended, and edges to the
-- holders of another relation than the one that is held.
create function authz._describe_obstacles(p_path authz.granting_path, p_namespace text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
begin
  return (
    with edges as (
      select
        t.ordinality as position, t.id, t.expires_at, t.subject_relation,
        lag(t.relation) over (order by t.ordinality) as held
      from authz._tuples_of(
        p_path.membership_ids || p_path.grant_id || p_path.container_ids, p_namespace
      ) with ordinality t
    ),
    obstacles (position, type, id, held) as (
      select e.position, 'expired', e.id, null
      from edges e
      where e.expires_at <= now()
      union all
      select e.position, 'relation', e.id, e.held
      from edges e
      where e.subject_relation <> e.held
    )
    select
      jsonb_agg(
        jsonb_build_object(
          'type', o.type, 'edge', authz._describe_edges(array[o.id], p_namespace) -> 0, 'held', o.held
        )
        order by o.position, o.type
      )
    from obstacles o
  );
end
$$;

-- explanations/_describe_denial.sql
-- authz._describe_denial: what was looked at in vain, and the ways that would give the permission but for obstacles,
-- the nearest miss first.
--
-- Takes    p_memberships  from authz._trace_memberships
--          p_containers   from authz._trace_containers
--          p_rules        from authz._rule_chains
create function authz._describe_denial(
  p_memberships authz.trail[],
  p_containers authz.trail[],
  p_rules jsonb,
  p_subject_type text,
  p_subject_id text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_max int := authz._max_described();
  v_relations text[] := array(select jsonb_object_keys(p_rules) collate "C" order by 1);
  v_misses authz.granting_path[] := authz._granting_paths(
    authz._trace_memberships(
      p_subject_type, normalize(p_subject_id, nfc), p_namespace, authz._max_depth(), true
    ),
    authz._trace_containers(p_resource_type, normalize(p_resource_id, nfc), p_namespace, authz._max_depth(), true),
    v_relations, p_namespace, true
  );
begin
  return jsonb_build_object(
    'relations', to_jsonb(v_relations[1:v_max]),
    'containers', (
      select
        jsonb_agg(
          jsonb_build_object(
            'type', c.type,
            'id', case when t.id is null then p_resource_id else coalesce(t.subject_id_raw, t.subject_id) end
          )
          order by c.position
        )
      from (
        select s.type, s.tuple_ids, row_number() over (order by cardinality(s.tuple_ids), s.type, s.id) as position
        from unnest(p_containers) s
      ) c
      left join lateral authz._tuples_of(c.tuple_ids[cardinality(c.tuple_ids):], p_namespace) t on true
      where c.position <= v_max
    ),
    'memberships', (
      select
        coalesce(
          jsonb_agg(
            jsonb_build_object(
              'type', t.resource_type, 'id', coalesce(t.resource_id_raw, t.resource_id), 'relation', t.relation
            )
            order by m.position
          ),
          '[]'
        )
      from (
        select s.tuple_ids,
          row_number() over (order by cardinality(s.tuple_ids), s.type, s.id, s.relation) as position
        from unnest(p_memberships) s
        where cardinality(s.tuple_ids) > 0
      ) m
      cross join lateral authz._tuples_of(m.tuple_ids[cardinality(m.tuple_ids):], p_namespace) t
      where m.position <= v_max
    ),
    'near_misses', (
      select
        coalesce(
          jsonb_agg(
            authz._describe_path(v_misses[i], p_rules, p_namespace)
              || jsonb_build_object('obstacles', authz._describe_obstacles(v_misses[i], p_namespace))
            order by i
          ),
          '[]'
        )
      from generate_series(1, least(cardinality(v_misses), v_max)) i
    ),
    'truncated',
    greatest(
      cardinality(v_relations), cardinality(p_containers), cardinality(p_memberships) - 1, cardinality(v_misses)
    ) > v_max
  );
end
$$;

-- explanations/explain_json.sql
-- authz.explain_json: the decision of authz.check as a tree: the ways that give the permission and when it will end, or
-- what was looked at and how near it came.
--
-- Takes    as authz.check
-- Returns  allowed      as authz.check
--          subject, permission, resource  the question
--          expires_at   when access ends if nothing else changes, the latest end of all ways; null for never
--          paths        a way for each grant that gives it, the longest lasting first: grant; memberships, the tuples
--                       from the subject to the group of the grant; containers, those from the resource to the one the
--                       grant is on; permissions, from the granted one to the one asked for; expires_at, when the
--                       first of its tuples ends
--          denial       null when allowed: relations that would give it; containers looked at, the resource first;
--                       memberships, what the subject holds on groups; near_misses, ways as above with obstacles in
--                       place of expires_at, each of type expired (an edge that has ended) or relation (an edge to the
--                       holders of another relation than the one held)
--          truncated    whether a list had more than 100 elements, which are not given
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.explain_json('user', 'alice', 'read', 'repo', 'api') ->> 'expires_at';
create function authz.explain_json(
  p_subject_type text,
  p_subject_id text,
  p_permission text,
  p_resource_type text,
  p_resource_id text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default')
)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_max int := authz._max_described();
  v_memberships authz.trail[];
  v_containers authz.trail[];
  v_rules jsonb;
  v_paths authz.granting_path[];
  v_denial jsonb;
begin
  perform authz._assert_readable(p_namespace);
  v_rules := authz._rule_chains(p_resource_type, p_permission, p_namespace, authz._max_depth());
  v_memberships := authz._trace_memberships(
    p_subject_type, normalize(p_subject_id, nfc), p_namespace, authz._max_depth(), false
  );
  v_containers := authz._trace_containers(
    p_resource_type, normalize(p_resource_id, nfc), p_namespace, authz._max_depth(), false
  );
  v_paths := authz._granting_paths(
    v_memberships, v_containers, array(select jsonb_object_keys(v_rules)), p_namespace, false
  );
  if cardinality(v_paths) = 0 then
    v_denial := authz._describe_denial(
      v_memberships, v_containers, v_rules,
      p_subject_type, p_subject_id, p_resource_type, p_resource_id, p_namespace
    );
  end if;
  return jsonb_build_object(
    'allowed', cardinality(v_paths) > 0,
    'subject', jsonb_build_object('type', p_subject_type, 'id', p_subject_id),
    'permission', p_permission,
    'resource', jsonb_build_object('type', p_resource_type, 'id', p_resource_id),
    'expires_at', nullif(v_paths[1].expires_at, 'infinity'),
    'paths', (
      select
        coalesce(
          jsonb_agg(
            authz._describe_path(v_paths[i], v_rules, p_namespace)
              || jsonb_build_object('expires_at', nullif(v_paths[i].expires_at, 'infinity'))
            order by i
          ),
          '[]'
        )
      from generate_series(1, least(cardinality(v_paths), v_max)) i
    ),
    'denial', v_denial - 'truncated',
    'truncated', coalesce((v_denial ->> 'truncated')::boolean, cardinality(v_paths) > v_max)
  );
end
$$;

-- subjects/types.sql
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

-- subjects/_groups_on.sql
-- authz._groups_on: the groups that have one of some relations on any of some sources.
--
-- Subjects of a source come in chunks, in the order of the index. Behind a full chunk the next one begins where there
-- is a group again, so that a few groups among very many users are found without reading them all.
--
-- Takes    p_group_types  those of the graph: no others are groups
create function authz._groups_on(
  p_sources authz.subject_source[],
  p_relations text[],
  p_group_types text[],
  p_namespace text
)
returns authz.subject_source[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_groups authz.subject_source[] := '{}';
  v_found authz.subject_source[];
  v_ranges authz.subject_range[];
  v_chunk_size int := 32;
begin
  v_ranges := array(
    select row(s.type, s.id, g.type, '')::authz.subject_range
    from unnest(p_sources) s
    cross join unnest(p_group_types) g (type)
  );
  while cardinality(v_ranges) > 0 loop
    with
      chunks as materialized (
        select r.type, r.id, r.subject_type, c.subject_id, c.subject_relations
        from unnest(v_ranges) r
        cross join lateral (
          select t.subject_id, array_agg(distinct t.subject_relation) as subject_relations
          from authz.tuples t
          where t.namespace = p_namespace
            and t.resource_type = r.type
            and t.resource_id = r.id
            and t.subject_type = r.subject_type
            and t.subject_id >= r.from_id
            and t.relation = any (p_relations)
            and (t.expires_at is null or t.expires_at > now())
          group by t.subject_id
          order by t.subject_id
          limit v_chunk_size
        ) c
      ),
      found as (
        select distinct row(c.subject_type, c.subject_id, u.relation, false)::authz.subject_source as source
        from chunks c
        cross join unnest(c.subject_relations) u (relation)
        -- Offset keeps this a probe for each, whatever is guessed of how many there are. A userset is a group by its form.
        where u.relation is not null
          or exists (
            select
            from authz.tuples g
            where g.namespace = p_namespace
              and g.resource_type = c.subject_type
              and g.resource_id = c.subject_id
            offset 0
          )
      ),
      rest as (
        select row(e.type, e.id, e.subject_type, n.resource_id)::authz.subject_range as range
        from (
          select c.type, c.id, c.subject_type, max(c.subject_id) as last_id
          from chunks c
          group by c.type, c.id, c.subject_type
          having count(*) = v_chunk_size
        ) e
        cross join lateral (
          select g.resource_id
          from authz.tuples g
          where g.namespace = p_namespace
            and g.resource_type = e.subject_type
            and g.resource_id > e.last_id
          order by g.resource_id
          limit 1
        ) n
      )
    select array(select f.source from found f), array(select r.range from rest r)
    into v_found, v_ranges;
    v_groups := v_groups || v_found;
    v_chunk_size := least(v_chunk_size * 4, 1024);
  end loop;
  return v_groups;
end
$$;

-- subjects/_subject_sources.sql
-- authz._subject_sources: everything whose tuples admit subjects to a resource: itself, the containers around it, and
-- the groups that its grants lead to, each once.
--
-- The reverse of authz._holds_any: a grant to the holders of a relation leads to these alone, one to a plain group to
-- the holders of any; from there only member edges lead further. Level by level, as deep as a check goes.
--
-- Takes    p_relations    relations that are enough, from authz._implied_by
--          p_group_types  those of the graph: no others are groups
create function authz._subject_sources(
  p_relations text[],
  p_group_types text[],
  p_resource_type text,
  p_resource_id text,
  p_namespace text
)
returns authz.subject_source[]
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_around authz.nodes;
  v_sources authz.subject_source[];
  v_level authz.subject_source[];
  v_relations text[] := p_relations;
begin
  v_around := authz._containers(p_resource_type, p_resource_id, p_namespace);
  v_sources := array(
    select distinct row(c.type, c.id, null, true)::authz.subject_source
    from unnest(v_around.types, v_around.ids) c (type, id)
  );
  v_level := v_sources;
  for v_depth in 1..authz._max_depth() loop
    v_level := array(
      select g from unnest(authz._groups_on(v_level, v_relations, p_group_types, p_namespace)) g
      except
      select s from unnest(v_sources) s
    );
    v_sources := v_sources || v_level;
    v_level := array(select l from unnest(v_level) l where l.relation is null or l.relation = 'member');
    exit when cardinality(v_level) = 0;
    v_relations := '{member}';
  end loop;
  return v_sources;
end
$$;

-- subjects/_subjects_from.sql
-- authz._subjects_from: the subjects that sources admit, each source's own first ones in order, between two places.
--
-- Groups with a live member are left out, for their members come instead.
--
-- Takes    p_sources                 from authz._subject_sources
--          p_relations               relations that are enough, from authz._implied_by
--          p_group_types             those of the graph: no others have members
--          p_after_type, p_after_id  place before the first; strictly greater ones come
--          p_upto_type, p_upto_id    place of the last
--          p_limit_each              subjects of one source at most; null for all
-- Returns  one row a source and subject: its id in NFC, and as it was sent
create function authz._subjects_from(
  p_sources authz.subject_source[],
  p_relations text[],
  p_group_types text[],
  p_after_type text,
  p_after_id text,
  p_upto_type text,
  p_upto_id text,
  p_limit_each int,
  p_namespace text
)
returns table (source authz.subject_source, subject_type text, subject_id text, sent_id text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select s.source, f.subject_type::text, f.subject_id::text, f.sent_id::text
  from (select u as source, u.* from unnest(p_sources) u) s
  cross join lateral (
    select distinct on (t.subject_type, t.subject_id)
      t.subject_type, t.subject_id, coalesce(t.subject_id_raw, t.subject_id) as sent_id
    from authz.tuples t
    where t.namespace = p_namespace
      and t.resource_type = s.type
      and t.resource_id = s.id
      and (t.subject_type, t.subject_id) > (p_after_type, p_after_id)
      and (t.subject_type, t.subject_id) <= (p_upto_type, p_upto_id)
      and t.subject_relation is null
      and t.relation <> 'parent'
      and case when s.is_granted then t.relation = any (p_relations) else t.relation = coalesce(s.relation, t.relation) end
      and (t.expires_at is null or t.expires_at > now())
      and (
        t.subject_type <> all (p_group_types)
        or not exists (
          select
          from authz.tuples m
          where m.namespace = p_namespace
            and m.resource_type = t.subject_type
            and m.resource_id = t.subject_id
            and m.relation = 'member'
            and (m.expires_at is null or m.expires_at > now())
          offset 0
        )
      )
    order by t.subject_type, t.subject_id, t.relation
    limit p_limit_each
  ) f;
end
$$;

-- subjects/list_subjects.sql
-- authz.list_subjects: a page of those who have a permission on a resource.
--
-- Agrees with authz.check: of the subjects (type, id) that check admits, exactly those are listed that have no live
-- member edge. A group with members is left out, and those of them come who are admitted; one without is listed itself.
-- So is a subject with other holders than members, as a user with a manager, next to these. A userset
-- (team:eng#member) is never listed.
--
-- Cost: users with direct grants and members of a group are read from the cursor on and no further than the page goes,
-- be they ever so many. Groups that lead to the resource are looked up anew for each page, a few probes each; where
-- many of them hold the same people, up to a page of each is read. On a resource with very many grants of other
-- permissions a page reads past these.
--
-- Takes    p_resource_type, p_resource_id  on what
--          p_permission                    for what
--          p_namespace                     tenant; the transaction's by default
--          p_limit                         subjects on the page, 1 to 1000
--          p_subject_type                  only subjects of this type
--          p_cursor_type, p_cursor_id      last subject of the page before
-- Returns  subjects in byte order of type and NFC form of the id; ids as they were sent
-- Raises   VAL_NOT_POSITIVE (22023) · VAL_LIMIT_TOO_LARGE (22023) · VAL_NAMESPACE_NULL (22004)
-- Example  select * from authz.list_subjects('repo', 'api', 'read', p_limit => 20);
create function authz.list_subjects(
  p_resource_type text,
  p_resource_id text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_limit int default 100,
  p_subject_type text default null,
  p_cursor_type text default null,
  p_cursor_id text default null
)
returns table (subject_type text, subject_id text)
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_relations text[];
  v_group_types text[];
  v_sources authz.subject_source[];
  v_after_type text := coalesce(p_cursor_type, '');
  v_after_id text := coalesce(normalize(p_cursor_id, nfc), '');
  -- The first place behind a type; behind all types when none is asked for.
  v_upto_type text := coalesce(p_subject_type || chr(1), chr(1114111));
  v_upto_id text := '';
begin
  perform authz._validate_limit(p_limit);
  perform authz._assert_readable(p_namespace);
  if v_after_type collate "C" < p_subject_type then
    v_after_type := p_subject_type;
    v_after_id := '';
  end if;
  v_relations := authz._implied_by(p_resource_type, array[p_permission], p_namespace);
  v_group_types := coalesce(
    (select g.group_types from authz.graph_state g where g.namespace = p_namespace), '{}'
  );
  v_sources := authz._subject_sources(
    v_relations, v_group_types, p_resource_type, normalize(p_resource_id, nfc), p_namespace
  );

  -- The page ends where the first subjects of its groups would fill it; groups that begin behind that place are left out.
  if cardinality(v_sources) > p_limit then
    with
      firsts as materialized (
        select f.source, f.subject_type collate "C" as type, f.subject_id collate "C" as id
        from authz._subjects_from(
          array(select s from unnest(v_sources) s where not s.is_granted), v_relations, v_group_types,
          v_after_type, v_after_id, v_upto_type, v_upto_id, 1, p_namespace
        ) f
      ),
      last as materialized (
        select distinct f.type, f.id
        from firsts f
        order by f.type, f.id
        offset p_limit - 1
        limit 1
      )
    select
      array(select s from unnest(v_sources) s where s.is_granted)
        || array(
          select f.source
          from firsts f
          where coalesce((f.type, f.id) <= (select l.type, l.id from last l), true)
        ),
      coalesce((select l.type from last l), v_upto_type),
      coalesce((select l.id from last l), v_upto_id)
    into v_sources, v_upto_type, v_upto_id;
  end if;

  return query
  select distinct on (f.subject_type collate "C", f.subject_id collate "C") f.subject_type, f.sent_id
  from authz._subjects_from(
    v_sources, v_relations, v_group_types, v_after_type, v_after_id, v_upto_type, v_upto_id, p_limit, p_namespace
  ) f
  order by f.subject_type collate "C", f.subject_id collate "C", f.sent_id collate "C"
  limit p_limit;
end
$$;

-- subjects/count_subjects.sql
-- authz.count_subjects: how many have a permission on a resource: as many as all pages of authz.list_subjects have.
--
-- Cost: that of reading every one of them, a few microseconds each, since nobody keeps a count. To learn whether
-- there is anybody, ask for a page of one.
--
-- Takes    p_resource_type, p_resource_id  on what
--          p_permission                    for what
--          p_namespace                     tenant; the transaction's by default
--          p_subject_type                  only subjects of this type
-- Raises   VAL_NAMESPACE_NULL (22004)
-- Example  select authz.count_subjects('repo', 'api', 'read');
create function authz.count_subjects(
  p_resource_type text,
  p_resource_id text,
  p_permission text,
  p_namespace text default coalesce(nullif(current_setting('postkit.tenant_id', true), ''), 'default'),
  p_subject_type text default null
)
returns bigint
language plpgsql
stable
parallel safe
security invoker
set search_path = authz, pg_temp
as $$
declare
  v_relations text[];
  v_group_types text[];
begin
  perform authz._assert_readable(p_namespace);
  v_relations := authz._implied_by(p_resource_type, array[p_permission], p_namespace);
  v_group_types := coalesce(
    (select g.group_types from authz.graph_state g where g.namespace = p_namespace), '{}'
  );
  return (
    select count(*)
    from (
      select distinct f.subject_type, f.subject_id
      from authz._subjects_from(
        authz._subject_sources(
          v_relations, v_group_types, p_resource_type, normalize(p_resource_id, nfc), p_namespace
        ),
        v_relations, v_group_types, coalesce(p_subject_type, ''), '',
        coalesce(p_subject_type || chr(1), chr(1114111)), '', null, p_namespace
      ) f
    ) f
  );
end
$$;

-- privileges/_grant.sql
-- authz._grant: gives a role what its kind needs of this schema; called by postkit.grant_role.
--
-- Functions that run as their owner, triggers above all, are left out: who may execute a trigger function may hang it
-- on a table of his own.
create function authz._grant(p_role text, p_kind text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text;
begin
  if p_kind = 'maintenance' then
    execute format('grant execute on function authz.create_audit_partition(int, int) to %I', p_role);
    execute format('grant execute on function authz.ensure_audit_partitions(int) to %I', p_role);
    execute format('grant execute on function authz.drop_audit_partitions(int) to %I', p_role);
  end if;
  if p_kind <> 'app' then
    return;
  end if;
  execute format('grant usage on schema authz to %I', p_role);
  -- Keys and rules are never updated: the audit of an update would not tell what was there before. Ids and times of
  -- tuples are the database's to give.
  execute format(
    'grant select, delete, update (expires_at), insert (
       namespace, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, resource_id_raw,
       subject_id_raw, expires_at
     ) on authz.tuples to %I',
    p_role
  );
  execute format('grant select, insert, delete on authz.permission_hierarchy to %I', p_role);
  execute format('grant select, insert, update (version, group_types) on authz.graph_state to %I', p_role);
  execute format('grant select, insert, update (is_cyclic) on authz.type_edges to %I', p_role);
  execute format('grant select on authz.audit_events to %I', p_role);
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'authz'::regnamespace
      and p.prorettype <> 'trigger'::regtype
      and not p.prosecdef
      and p.proname not in ('_grant', '_record_audit_event', '_attach_audit_partition')
  loop
    execute format('grant execute on function %s to %I', v_function, p_role);
  end loop;
  -- Runs as its owner, to tell yes or no.
  execute format('grant execute on function authz._audit_default_has_rows() to %I', p_role);
  -- Runs as its owner, and tests by itself who asks.
  execute format(
    'grant execute on function authz.list_external_resources(text, text, text, text, text, int, text) to %I', p_role
  );
end
$$;

-- privileges/revoke.sql
revoke all on schema authz from public;
revoke all on all tables in schema authz from public;
revoke all on all functions in schema authz from public;
