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
