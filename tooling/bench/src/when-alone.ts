import { type TestDatabase, waitFor } from "@postkit/testkit";

/**
 * Waits until the database has no session left but the one that asks. Pools are closed a little before their sessions
 * are, and a session is sure to have reported its commits only at its end.
 *
 * @throws Error when there are still some after 10 s
 */
export async function whenAlone({ super: pool }: TestDatabase): Promise<void> {
  const countOthers = async () => {
    const { rows } = await pool.query<{ count: number }>(`
      select count(*)::int as count
      from pg_stat_activity a
      where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()`);
    return rows[0]?.count;
  };
  await waitFor(async () => (await countOthers()) === 0, { what: "all sessions to end" });
}
