-- Where the jobs of a queue begin. Rows that were taken stay in the index of queue.ready for as long as an old transaction
-- may see them; to begin behind them keeps the pace. All of it is written by queue.maintain, but lanes, and nothing is
-- updated, since old versions of these rows would be in the way as well.

-- Queues and priorities in which jobs were taken. Without a key over these alone: nobody is to wait for another's.
create table queue.lanes (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  rank int not null,
  id bigint not null,
  created_at timestamptz not null default now(),
  constraint lanes_pkey primary key (namespace, queue, rank, id),
  constraint lanes_rank_is_in_range check (rank between -1000 and 1000)
);

comment on table queue.lanes is 'Queues and priorities in which jobs were taken';

-- How far positions were drawn at a moment, and who had a transaction open that may have drawn some of them. No lease has
-- a deadline up to expires_after, nor will have, but for what the next look at all of them finds, minutes after all_from.
create table queue.marks (
  id bigint generated always as identity,
  position bigint not null,
  transactions text[] not null,
  expires_after timestamptz not null,
  all_from timestamptz not null,
  created_at timestamptz not null,
  constraint marks_pkey primary key (id)
);

comment on table queue.marks is 'Positions up to which every job is there or will never be, once these transactions have ended';

-- The newest row of a queue holds the ranges of (rank, position) in which there are jobs, both ends excluded. For each lane
-- that has a floor there are two: of jobs that came back, and of new ones up to the next lane.
create table queue.floors (
  namespace text collate "C" not null,
  queue text collate "C" not null,
  id bigint generated always as identity,
  from_ranks int[] not null,
  from_positions bigint[] not null,
  to_ranks int[] not null,
  to_positions bigint[] not null,
  constraint floors_pkey primary key (namespace, queue, id)
);

comment on table queue.floors is 'Where the jobs of a queue begin, behind those that were taken';

alter table queue.lanes enable row level security;
alter table queue.lanes force row level security;

create policy lanes_tenant_isolation on queue.lanes
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy lanes_maintenance on queue.lanes to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

alter table queue.floors enable row level security;
alter table queue.floors force row level security;

create policy floors_tenant_isolation on queue.floors
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''))
  with check (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create policy floors_maintenance on queue.floors to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');

alter table queue.marks enable row level security;
alter table queue.marks force row level security;

create policy marks_maintenance on queue.marks to current_user
  using (current_setting('postkit.maintenance', true) = 'on')
  with check (current_setting('postkit.maintenance', true) = 'on');
