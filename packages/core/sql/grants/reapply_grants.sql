-- postkit.reapply_grants: gives recorded roles again what they need, and keeps what was given by hand.
create or replace function postkit.reapply_grants()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postkit._save_privileges();
end
$$;
