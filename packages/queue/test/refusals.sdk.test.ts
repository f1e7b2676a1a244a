import { createPostkit, isPostkitError, PostkitError, type Postkit } from "@postkit/core";
import { isFenceStale, queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { groundwork, refusalCases, shapes } from "./support/refusals.ts";
import { countRows, openSession } from "./support/session.ts";

let db: TestDatabase;
let pool: pg.Pool;
let postkit: Postkit<{ queue: typeof queue }>;
let before: Record<string, number>;
let backend: number;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await using app = await openSession(db.app, "acme");
  await app.query(groundwork);
  pool = new pg.Pool({ connectionString: db.appUrl, max: 1 });
  postkit = createPostkit({ db: pool, namespace: "acme", modules: { queue } });
  before = await countRows(db.super);
  backend = await backendPid();
});

afterAll(async () => {
  await pool.end();
  await db.drop();
});

const cases = refusalCases.filter(({ onlySql, name }) => !onlySql && shapes[name].method);

describe("through the client, queue refuses", () => {
  it.each(cases)("$title", async ({ name, args, code, sqlstate, message, role }) => {
    const { p_namespace: namespace = "acme" } = args;
    const handle = role === "owner" ? createPostkit({ db: db.owner, modules: { queue } }) : postkit;
    const { queue: client } = handle.withNamespace(namespace as string);
    const error: unknown = await shapes[name]
      .method?.(client, args)
      .catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(PostkitError);
    expect(isPostkitError(error, `queue.${code}`)).toBe(true);
    expect(isFenceStale(error)).toBe(code === "FENCE_STALE");
    expect(error).toMatchObject({
      module: "queue",
      code,
      sqlstate,
      message: expect.stringMatching(message),
    });
    const { cause, message: sentence } = error as PostkitError;
    expect(cause).toBeInstanceOf(pg.DatabaseError);
    expect(cause).toMatchObject({
      code: sqlstate,
      hint: `postkit:queue:${code}`,
      message: sentence,
    });
  });

  it("all that and keeps its connection in the pool", async () => {
    expect([pool.totalCount, pool.idleCount, await backendPid()]).toEqual([1, 1, backend]);
  });

  it("all that and writes nothing", async () => {
    expect(await countRows(db.super)).toEqual(before);
  });
});

async function backendPid(): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}
