-- queue._advance_floors: moves the floors of queues up to the first job that is there, where that is worth it, and the
-- deadline from which on leases are looked through.
--
-- A position is drawn inside the INSERT of its job, under a lock on queue.ready that its transaction keeps to the end. So
-- once the transactions that held that lock after a mark was read have ended, every position up to the mark belongs to a
-- job that can be seen, or to none. Nobody but those is waited for: an old transaction that only reads, or writes
-- elsewhere, keeps dead rows but does not hinder this. Deadlines are the same, but for the moment between reading the
-- clock and the lock on queue.leases: for who takes very long there, all leases are looked through now and then. Called by
-- the owner in maintenance, one at a time.
--
-- Takes    p_worth_it  moves floors when the way to the first job took longer: by default what some hundred dead rows take
create function queue._advance_floors(p_worth_it interval default '200 microseconds')
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
declare
  v_began_at timestamptz := clock_timestamp();
  v_mark queue.marks;
  v_position bigint;
  v_in_flight text[];
  v_until timestamptz;
begin
  -- An old snapshot would not see the jobs of transactions that have ended.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  select m.* into v_mark from queue.marks m order by m.id desc limit 1;
  -- First the position, then who may have drawn it. The sequence itself is not to be read: it shows positions that nobody
  -- has drawn, before the first one and for moments later on.
  select coalesce(s.last_value, 0)
  into v_position
  from pg_catalog.pg_sequences s
  where s.schemaname = 'queue' and s.sequencename = 'job_id_seq';
  v_in_flight := queue._writes_in_flight(array['queue.ready', 'queue.deferred', 'queue.leases']::regclass[]);
  -- A prepared transaction that was there before a crash has another name since, and may be any of those that are noted.
  if v_mark.transactions && v_in_flight or exists (select from unnest(v_in_flight) t (id) where t.id like '-1/%') then
    return;
  end if;
  if v_mark.id is not null then
    v_until := v_mark.created_at - interval '1 minute';
    v_mark.expires_after := coalesce(
      queue._first_deadline(v_mark.expires_after, v_until) - interval '1 microsecond', v_until
    );
    perform queue._advance_lanes(v_mark.position, p_worth_it);
  end if;
  if v_mark.id is null or v_mark.all_from < v_began_at - interval '5 minutes' then
    v_mark.expires_after := '-infinity';
    v_mark.all_from := v_began_at;
  end if;
  insert into queue.marks (position, transactions, expires_after, all_from, created_at)
  values (v_position, v_in_flight, v_mark.expires_after, v_mark.all_from, v_began_at);
  delete from queue.marks m where m.id <= v_mark.id;
end
$$;
