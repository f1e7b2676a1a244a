-- queue.clear_actor: ends what set_actor set.
--
-- Example  select queue.clear_actor();
create function queue.clear_actor()
returns void
language plpgsql
volatile
security invoker
set search_path = queue, pg_temp
as $$
begin
  perform queue.set_actor();
end
$$;
