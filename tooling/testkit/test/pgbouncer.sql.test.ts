import {
  createTestDatabase,
  pgbouncerAvailable,
  race,
  startPgbouncer,
  withClient,
} from "@postkit/testkit";
import pg from "pg";
import { describe, expect, inject, it } from "vitest";

describe.runIf(pgbouncerAvailable())("startPgbouncer", () => {
  it("shares a few server connections among many clients, transaction by transaction", async () => {
    await using db = await createTestDatabase();
    await using pooler = await startPgbouncer(inject("postkitServer").url, { poolSize: 2 });
    const pool = new pg.Pool({ connectionString: pooler.url(db.name), max: 20 });
    const results = await race(20, async () => {
      const { rows } = await pool.query<{ pid: number; role: string }>(
        "select pg_backend_pid() as pid, current_user::text as role",
      );
      return rows[0];
    });
    await pool.end();
    const backends = results.map((result) => result.status === "fulfilled" && result.value);
    expect(backends.every((backend) => backend && backend.role === db.appRole)).toBe(true);
    expect(new Set(backends.map((backend) => backend && backend.pid)).size).toBeLessThanOrEqual(2);
  });

  it("lets in the owner and the superuser, too", async () => {
    await using db = await createTestDatabase();
    await using pooler = await startPgbouncer(inject("postkitServer").url);
    const user = decodeURIComponent(new URL(db.superUrl).username);
    for (const name of [db.ownerRole, user]) {
      const { rows } = await withClient(pooler.url(db.name, name), (client) =>
        client.query("select current_user::text as name"),
      );
      expect(rows).toEqual([{ name }]);
    }
  });

  it("refuses new clients after stop", async () => {
    const pooler = await startPgbouncer(inject("postkitServer").url);
    await pooler.stop();
    const attempt = withClient(pooler.url("postgres"), async () => {});
    await expect(attempt).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
