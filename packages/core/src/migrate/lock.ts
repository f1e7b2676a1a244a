import { setTimeout } from "node:timers/promises";
import type { ClientBase } from "pg";
import { coreError, fromDriverError } from "../errors.ts";

/** The bytes of "postkit" as a number: one lock a database for all modules. */
const lockKey = 0x706f73746b6974n;
const [lockHigh, lockLow] = [lockKey >> 32n, lockKey & 0xffffffffn];

const firstPauseMs = 50;
const longestPauseMs = 500;

/**
 * Runs `work` in one transaction under the migration lock. The lock is asked for, never waited for, and belongs to
 * the transaction: no starter holds a connection blocked, and nothing is left behind a transaction-mode pooler.
 *
 * It runs as the owner of core's schema, or before there is one as the owner of a schema that was made for one of
 * `modules`: what a superuser makes then is the owner's, who could neither change nor replace it otherwise.
 *
 * @throws `core.MIG_LOCK_TIMEOUT` naming who holds the lock
 */
export async function lockedTransaction<T>(
  client: ClientBase,
  { lockTimeoutMs, modules = [] }: { lockTimeoutMs: number; modules?: readonly string[] },
  work: () => Promise<T>,
): Promise<T> {
  await beginLocked(client, Date.now() + lockTimeoutMs, lockTimeoutMs);
  try {
    await client.query(transactionSettings);
    await client.query(becomeOwner, [modules]);
    const result = await work();
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw fromDriverError(error);
  }
}

const transactionSettings = `
  set local lock_timeout = '10s';
  set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0;
  set local search_path = pg_catalog, pg_temp;
  set local application_name = 'postkit-migrate'`;

/** Left out for a role that may not become the owner, as the privileges of a member may do. */
const becomeOwner = `
  select pg_catalog.set_config('role', o.owner, true)
  from (
    select r.oid, r.rolname::text as owner
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_roles r on r.oid = n.nspowner
    where n.nspname = 'postkit' or n.nspname = any ($1)
    order by n.nspname = 'postkit' desc, pg_catalog.array_position($1, n.nspname::text)
    limit 1
  ) o
  cross join (
    -- Since 16 a member may be kept from setting the role.
    select case when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end as needed
  ) v
  where o.owner <> current_user
    and pg_catalog.pg_has_role(current_user, o.oid, v.needed)
    and pg_catalog.pg_has_role(session_user, o.oid, v.needed)`;

async function beginLocked(
  client: ClientBase,
  deadline: number,
  lockTimeoutMs: number,
): Promise<void> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    // The lock is taken after the snapshot of its own statement: what follows must see what its last holder committed.
    await client.query("begin isolation level read committed");
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_catalog.pg_try_advisory_xact_lock(${lockKey}) as locked`,
    );
    if (rows[0]?.locked === true) return;
    await client.query("rollback");
    if (Date.now() + pauseMs > deadline) throw await lockTimeoutError(client, lockTimeoutMs);
    await setTimeout(pauseMs * (0.75 + Math.random() / 2));
  }
}

async function lockTimeoutError(client: ClientBase, lockTimeoutMs: number): Promise<Error> {
  const { rows } = await client.query<{ pid: number; holder: string }>(holderQuery);
  const [holder] = rows;
  const who = holder === undefined ? "another process, which has just ended" : holder.holder;
  return coreError(
    "MIG_LOCK_TIMEOUT",
    `waited ${lockTimeoutMs} ms for the migration lock, held by ${who}`,
    {
      detail: { pid: holder?.pid },
    },
  );
}

const holderQuery = `
  select a.pid, format(
    'pid %s (role %s, application %s, from %s) since %s', a.pid, coalesce(a.usename, '?'),
    coalesce(nullif(a.application_name, ''), '?'), coalesce(host(a.client_addr), 'the local socket'),
    coalesce(to_char(a.xact_start at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '?')
  ) as holder
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.classid = ${lockHigh} and l.objid = ${lockLow}
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())`;
