create table if not exists postkit.grants (
  role_name text not null,
  kind text not null,
  granted_by text not null default session_user,
  granted_at timestamptz not null default now(),
  constraint grants_pkey primary key (role_name, kind),
  constraint grants_kind_is_known check (kind in ('app', 'worker', 'maintenance'))
);

comment on table postkit.grants is 'Roles that may use the modules; applied again after every migration';
