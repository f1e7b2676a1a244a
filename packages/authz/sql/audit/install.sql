do $$
begin
  perform authz.ensure_audit_partitions();
end
$$;
