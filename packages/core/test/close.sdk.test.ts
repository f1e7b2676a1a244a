import { createPostkit, type Postkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { probe, whoami } from "./support/probe.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe] });
});
afterAll(() => db.drop());

type Probed = Postkit<{ probe: typeof probe }>;

const closed = (message: string) => ({ module: "core", code: "BIZ_HANDLE_CLOSED", message });

/** What an application may do with a handle, and what it is told when that is closed. */
const calls: readonly [string, (postkit: Probed) => unknown, string][] = [
  ["a call", (postkit) => whoami(postkit.probe), "probe.whoami was called"],
  [
    "a call of a handle made from it",
    (postkit) => whoami(postkit.withNamespace("globex").probe),
    "probe.whoami was called",
  ],
  [
    "a transaction, however often it may be tried",
    (postkit) => postkit.transaction((tx) => whoami(tx.probe), { retries: 1_000 }),
    "a transaction was begun",
  ],
  ["migrate", (postkit) => postkit.migrate(), "migrate was called"],
  ["listen", async (postkit) => postkit.listen("orders", () => {}), "listen was called"],
  ["connections apart", async (postkit) => postkit.probe.apart(1), "connections were asked for"],
];

it.each(calls)("%s is refused once the handle was closed", async (_, call, what) => {
  const postkit = createPostkit({ connectionString: db.appUrl, modules: { probe } });
  await whoami(postkit.probe);
  await postkit.close();
  await expect(call(postkit)).rejects.toMatchObject(closed(`${what} after close()`));
});

it.each(calls.slice(-2))(
  "%s is refused as well where the pool is the application's, which goes on",
  async (_, call, what) => {
    const postkit = createPostkit({ db: db.app, namespace: "acme", modules: { probe } });
    await postkit.close();
    await expect(call(postkit)).rejects.toMatchObject(closed(`${what} after close()`));
    expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
  },
);

describe("a handle that is closed", () => {
  it("lets a call end that waits for a connection", async () => {
    const postkit = createPostkit({
      connectionString: db.appUrl,
      namespace: "acme",
      pool: { max: 1 },
      modules: { probe },
    });
    const taken = await postkit.pool.connect();
    const waiting = whoami(postkit.probe);
    const closing = postkit.close();
    taken.release();
    expect(await waiting).toMatchObject({ tenantId: "acme" });
    await closing;
  });

  it("leaves transactions alone that the application opened itself", async () => {
    const client = new pg.Client(db.appUrl);
    await client.connect();
    await client.query("begin");
    const postkit = createPostkit({
      connectionString: db.appUrl,
      namespace: "acme",
      modules: { probe },
    });
    const joined = postkit.on(client);
    await postkit.close();
    expect(await whoami(joined.probe)).toMatchObject({ tenantId: "acme" });
    await client.end();
  });
});

it("a pool that the application has ended is told as such", async () => {
  const pool = new pg.Pool({ connectionString: db.appUrl });
  const postkit = createPostkit({ db: pool, modules: { probe } });
  await pool.end();
  await expect(whoami(postkit.probe)).rejects.toMatchObject(
    closed("probe.whoami was called after the end of its pool"),
  );
});
