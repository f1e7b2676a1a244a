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
 * @throws `core.MIG_LOCK_TIMEOUT` naming who holds the lock
 */
export async function lockedTransaction<T>(
  client: ClientBase,
  lockTimeoutMs: number,
  work: () => Promise<T>,
): Promise<T> {
  await beginLocked(client, Date.now() + lockTimeoutMs, lockTimeoutMs);
  try {
    await client.query(transactionSettings);
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
