import { whenAlone } from "@postkit/bench";
import type { TestDatabase } from "@postkit/testkit";

/** What was written to the log and committed. */
export interface Costs {
  readonly walBytes: number;
  readonly commits: number;
}

/** Measures what a run costs the server, right after a checkpoint. The run must have closed its sessions at its end. */
export async function measureCosts<T>(
  database: TestDatabase,
  run: () => Promise<T>,
): Promise<{ result: T; costs: Costs }> {
  await database.super.query("checkpoint");
  const before = await readCosts(database);
  const result = await run();
  const after = await readCosts(database);
  const costs = {
    walBytes: after.walBytes - before.walBytes,
    commits: after.commits - before.commits,
  };
  return { result, costs };
}

async function readCosts(database: TestDatabase): Promise<Costs> {
  await whenAlone(database);
  const { rows } = await database.super.query<Costs>(`
    select (pg_current_wal_insert_lsn() - '0/0')::float8 as "walBytes", s.xact_commit::float8 as commits
    from pg_stat_database s
    where s.datname = current_database()`);
  return rows[0] ?? { walBytes: Number.NaN, commits: Number.NaN };
}
