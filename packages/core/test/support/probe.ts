import type { Caller, PostkitModule } from "@postkit/core";

import { fixtureModule, grantFunction } from "./fixture-module.ts";

const up = `
create schema probe;
${grantFunction("probe")}

create table probe.notes (
  namespace text not null,
  id text not null,
  body text,
  constraint notes_pkey primary key (namespace, id)
);
alter table probe.notes enable row level security;
alter table probe.notes force row level security;
create policy notes_tenant_isolation on probe.notes
  using (namespace = nullif(current_setting('postkit.tenant_id', true), ''));

create function probe.whoami(p_namespace text default null)
returns table (
  name_space text, tenant_id text, actor_id text, request_id text, on_behalf_of text, reason text, colour text, backend_pid int
)
language plpgsql volatile as $$
begin
  return query select
    p_namespace,
    nullif(current_setting('postkit.tenant_id', true), ''),
    nullif(current_setting('postkit.actor_id', true), ''),
    nullif(current_setting('postkit.request_id', true), ''),
    nullif(current_setting('postkit.on_behalf_of', true), ''),
    nullif(current_setting('postkit.reason', true), ''),
    nullif(current_setting('postkit.colour', true), ''),
    pg_backend_pid();
end $$;

create function probe.tenant() returns text language sql as $$
  select nullif(current_setting('postkit.tenant_id', true), '')
$$;

create function probe.count_to(p_end int) returns setof int language sql as $$ select generate_series(1, p_end) $$;

create function probe.echo(p_text text, p_namespace text default null) returns text language sql as $$ select p_text $$;

create function probe.describe(
  p_count int, p_ratio float8, p_flag boolean, p_big bigint, p_payload jsonb, p_list text[], p_wait interval,
  p_namespace text default null
)
returns text language sql as $$ select concat_ws(' ', p_count, p_ratio, p_flag, p_big, p_payload, p_list, p_wait) $$;

create function probe.add_note(p_id text, p_body text default 'no body', p_namespace text default null)
returns text language plpgsql as $$
begin
  insert into probe.notes (namespace, id, body) values (p_namespace, p_id, p_body);
  return p_id;
end $$;

create function probe.list_notes(p_namespace text default null)
returns setof probe.notes language plpgsql as $$
begin
  -- Deliberately without a predicate on namespace: row level security alone separates tenants here.
  return query select n.* from probe.notes n order by n.id;
end $$;

create function probe.refuse(
  p_hint text default 'postkit:probe:BIZ_REFUSED', p_detail text default '{"field": "p_hint"}',
  p_sqlstate text default 'P0001', p_namespace text default null
)
returns void language plpgsql as $$
begin
  raise exception 'refused, said the database' using errcode = p_sqlstate, hint = p_hint, detail = p_detail;
end $$;

create function probe.sleep(p_seconds float8, p_namespace text default null)
returns void language plpgsql as $$ begin perform pg_sleep(p_seconds); end $$;

create function probe.wait_for_lock(p_key bigint, p_namespace text default null)
returns void language plpgsql as $$ begin perform pg_advisory_xact_lock(p_key); end $$;
`;

const down = "drop schema probe cascade;";

/** A module whose functions tell in what context they run, refuse, and wait. */
export const probe: PostkitModule<Caller> = fixtureModule("probe", { steps: [[up, down]] });

/** What `probe.whoami` gives. */
export interface Whoami {
  nameSpace: string | null;
  tenantId: string | null;
  actorId: string | null;
  requestId: string | null;
  onBehalfOf: string | null;
  reason: string | null;
  colour: string | null;
  backendPid: number;
}

/** A schema that takes what comes. */
export function as<T>(): { parse(value: unknown): T } {
  return { parse: (value) => value as T };
}

export async function whoami(caller: Caller): Promise<Whoami> {
  const [row] = await caller.rows("probe.whoami", {}, as<Whoami>());
  if (row === undefined) throw new Error("probe.whoami gave no row");
  return row;
}
