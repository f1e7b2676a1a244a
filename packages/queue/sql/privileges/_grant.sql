-- queue._grant: gives a role what its kind needs of this schema; called by postkit.grant_role.
create function queue._grant(p_role text, p_kind text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text;
begin
  if p_kind in ('worker', 'maintenance') then
    execute format('grant usage on schema queue to %I', p_role);
    execute format('grant execute on function queue.maintain(interval) to %I', p_role);
  end if;
  if p_kind = 'worker' then
    execute format(
      'grant execute on function queue.pull_global(text[], int, text, interval, text),
         queue.exchange_global(text[], int, text, interval, text, text[], bigint[], bigint[]),
         queue.report_global_worker(text[], text, boolean) to %I',
      p_role
    );
  end if;
  if p_kind = 'maintenance' then
    execute format('grant execute on function queue.create_archive_partition(date) to %I', p_role);
    execute format('grant execute on function queue.ensure_archive_partitions(int) to %I', p_role);
    execute format('grant execute on function queue.drop_archive_partitions() to %I', p_role);
  end if;
  if p_kind <> 'app' then
    return;
  end if;
  execute format('grant usage on schema queue to %I', p_role);
  execute format(
    'grant select, insert, update, delete on queue.ready, queue.deferred, queue.leases, queue.unique_keys,
       queue.dead_letters, queue.schedules, queue.config, queue.workers to %I',
    p_role
  );
  execute format('grant select, insert on queue.archive, queue.lanes to %I', p_role);
  -- Of marks and upkeep it sees nothing: they belong to no tenant.
  execute format('grant select on queue.floors, queue.marks, queue.upkeep to %I', p_role);
  execute format('grant select on queue.jobs to %I', p_role);
  -- Not UPDATE: nobody may set them back.
  execute format('grant usage on sequence queue.job_id_seq, queue.fence_token_seq to %I', p_role);
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'queue'::regnamespace
      and not p.prosecdef
      and p.proname not in (
        '_grant', '_attach_archive_partition', '_look_after_partitions', '_forget_dead_workers',
        '_delete_expired_history', '_delete_expired_archive', '_delete_expired_dead_letters', '_advance_floor',
        '_advance_lanes', '_advance_floors', '_first_deadline'
      )
  loop
    execute format('grant execute on function %s to %I', v_function, p_role);
  end loop;
end
$$;
