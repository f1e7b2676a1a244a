import type pg from "pg";

/** Runs the statements of a block in one session; what is said behind one, as `-- true`, is about its first column. */
export async function runSql(
  pool: pg.Pool,
  code: string,
  gives: (given: unknown, said: unknown) => void,
): Promise<void> {
  const session = await pool.connect();
  try {
    for (const [, statement = "", said] of code.matchAll(/(.+?;)(?: +-- ([^\n]+))?$/gms)) {
      const { rows } = await session.query<Record<string, unknown>>(statement);
      if (said !== undefined) gives(Object.values(rows[0] ?? {})[0], JSON.parse(said));
    }
  } finally {
    session.release();
  }
}
