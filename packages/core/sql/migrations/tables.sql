create table if not exists postkit.migration_log (
  id bigint generated always as identity,
  module text not null,
  name text not null,
  direction text not null,
  up_checksum text not null,
  down_checksum text not null,
  package_version text not null,
  duration_ms int not null,
  applied_by text not null default session_user,
  applied_at timestamptz not null default clock_timestamp(),
  constraint migration_log_pkey primary key (id),
  constraint migration_log_direction_is_up_or_down check (direction in ('up', 'down'))
);

comment on table postkit.migration_log is 'Every step ever applied or taken back, with the SHA-256 of its two files';

create or replace view postkit.applied_steps as
select l.module, l.name, l.up_checksum, l.down_checksum, l.package_version, l.applied_by, l.applied_at
from (
  select distinct on (module, name) *
  from postkit.migration_log
  order by module, name, id desc
) l
where l.direction = 'up';

comment on view postkit.applied_steps is 'The steps in force now, one row each';

create or replace view postkit.schema_versions as
select distinct on (s.module) s.module, s.name as version, s.package_version, s.applied_at
from postkit.applied_steps s
order by s.module, s.name desc;

comment on view postkit.schema_versions is 'The newest step of each installed module';
