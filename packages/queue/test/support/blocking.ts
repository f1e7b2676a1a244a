import { type TestDatabase, waitFor } from "@postkit/testkit";

import type { Session } from "./session.ts";

/** Starts work on a connection and comes back when it waits for a lock, or has ended. */
export async function startUntilBlocked<T>(
  db: TestDatabase,
  session: Session,
  work: () => Promise<T>,
): Promise<{ work: Promise<T>; isBlocked: boolean }> {
  const { rows } = await session.query<{ pid: number }>("select pg_backend_pid() as pid");
  let settled = false;
  let isBlocked = false;
  const running = work();
  running.then(
    () => (settled = true),
    () => (settled = true),
  );
  await waitFor(async () => {
    const { rowCount } = await db.super.query(
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
      [rows[0]?.pid],
    );
    isBlocked = rowCount === 1;
    return settled || isBlocked;
  });
  return { work: running, isBlocked };
}
