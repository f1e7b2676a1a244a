-- postkit._save_privileges: what people gave roles by hand, beyond the recorded grants; applies these again.
--
-- A step drops and makes objects again, so that this is asked for before it and restored after it.
create or replace function postkit._save_privileges()
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found jsonb;
  v_by_hand jsonb;
begin
  select coalesce(jsonb_agg(to_jsonb(p)), '[]') into v_found from postkit._read_privileges() p;
  perform postkit._reset_privileges();
  select coalesce(jsonb_agg(f.privilege), '[]') into v_by_hand
  from jsonb_array_elements(v_found) f (privilege)
  where not exists (select from postkit.grants g where g.role_name = f.privilege ->> 'grantee')
    or (f.privilege -> 'is_passed_on')::boolean
    or f.privilege not in (select to_jsonb(p) from postkit._read_privileges() p);
  perform postkit._restore_privileges(v_by_hand);
  return v_by_hand;
end
$$;
