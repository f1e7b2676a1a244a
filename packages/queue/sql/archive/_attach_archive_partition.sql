-- queue._attach_archive_partition: makes a partition, with the jobs of its time that fell into the default one.
--
-- Filled before it is attached, since its time may not overlap what the default partition holds. The caller holds the
-- locks, runs as the owner, and has the time zone and the date style in which times can be written without a doubt.
create function queue._attach_archive_partition(p_name text, p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
  v_grantee text;
begin
  execute format('create table queue.%I (like queue.archive including defaults including constraints)', p_name);
  -- What ALTER DEFAULT PRIVILEGES gives with every new table.
  for v_grantee in
    select distinct case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    from pg_catalog.pg_class c
    cross join lateral pg_catalog.aclexplode(c.relacl) a
    where c.oid = to_regclass(format('queue.%I', p_name)) and a.grantee <> c.relowner
  loop
    execute format('revoke all on queue.%I from %s', p_name, v_grantee);
  end loop;

  perform set_config('postkit.maintenance', 'on', true);
  execute format(
    'with moved as (
       delete from queue.archive e where e.finished_at >= %L and e.finished_at < %L returning e.*
     )
     insert into queue.%I select m.* from moved m',
    p_from, p_to, p_name
  );
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);

  execute format('alter table queue.%I enable row level security, force row level security', p_name);
  execute format(
    'alter table queue.archive attach partition queue.%I for values from (%L) to (%L)', p_name, p_from, p_to
  );
end
$$;
