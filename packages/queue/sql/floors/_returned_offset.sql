-- queue._returned_offset: how far below the new ones the positions of jobs are that came back.
create function queue._returned_offset()
returns bigint
language plpgsql
immutable
security invoker
set search_path = queue, pg_temp
as $$
begin
  return 4611686018427387904;
end
$$;
