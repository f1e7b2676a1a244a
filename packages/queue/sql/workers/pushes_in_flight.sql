-- queue.pushes_in_flight: the transactions of others that have written jobs and not ended, as far as locks tell.
--
-- Returns  their virtual ids
-- Example  select queue.pushes_in_flight();
create function queue.pushes_in_flight()
returns text[]
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  return queue._writes_in_flight(array['queue.ready', 'queue.deferred']::regclass[]);
end
$$;
