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
