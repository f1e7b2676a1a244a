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
