-- One row: when queue.maintain ran last, and where it left off. Whoever has it locked is at it.
create table queue.upkeep (
  id int not null default 1,
  ran_at timestamptz not null default '-infinity',
  lane_namespace text collate "C" not null default '',
  lane_queue text collate "C" not null default '',
  constraint upkeep_pkey primary key (id),
  constraint upkeep_is_one_row check (id = 1)
) with (fillfactor = 10);

comment on table queue.upkeep is 'When queue.maintain ran last, and the queue whose floors it looked after last';

alter table queue.upkeep enable row level security;
alter table queue.upkeep force row level security;

create policy upkeep_maintenance on queue.upkeep to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

do $$
declare
  v_maintenance text := current_setting('postkit.maintenance', true);
begin
  perform set_config('postkit.maintenance', 'on', true);
  insert into queue.upkeep default values;
  perform set_config('postkit.maintenance', coalesce(v_maintenance, ''), true);
end
$$;
