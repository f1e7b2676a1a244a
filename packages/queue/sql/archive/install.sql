do $$
begin
  perform queue.ensure_archive_partitions();
end
$$;
