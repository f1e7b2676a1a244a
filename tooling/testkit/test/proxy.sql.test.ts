import { once } from "node:events";

import {
  createTestDatabase,
  startProxy,
  type TestDatabase,
  waitFor,
  withClient,
} from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What pg says of a connection that was reset, as far as it had come. */
const lost = /ECONNRESET|Connection terminated/;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  return client;
}

describe("startProxy", () => {
  it("carries queries and large answers, and counts both ways", async () => {
    await using proxy = await startProxy(db.appUrl);
    const { rows } = await withClient(proxy.url, (client) =>
      client.query<{ text: string }>("select repeat('x', 3000000) as text"),
    );
    expect(rows[0]?.text).toHaveLength(3_000_000);
    expect(proxy.stats.connections).toBe(1);
    expect(proxy.stats.bytesDown).toBeGreaterThan(3_000_000);
    expect(proxy.stats.bytesUp).toBeGreaterThan(50);
  });

  it("holds bytes while it stalls and delivers them after", async () => {
    await using proxy = await startProxy(db.appUrl);
    const client = await connect(proxy.url);
    proxy.stall();
    const { bytesUp, bytesDown } = proxy.stats;
    let answered = false;
    const query = client.query("select 1 as one").then((result) => {
      answered = true;
      return result.rows;
    });
    // A second connection is taken though nothing flows.
    const other = connect(proxy.url);
    await waitFor(() => proxy.stats.connections === 2);
    expect(proxy.stats).toMatchObject({ bytesUp, bytesDown });
    expect(answered).toBe(false);
    proxy.resume();
    expect(await query).toEqual([{ one: 1 }]);
    await Promise.all([client.end(), other.then((late) => late.end())]);
  });

  it("cuts what lives, in the client and at the server", async () => {
    await using proxy = await startProxy(db.appUrl);
    const client = await connect(proxy.url);
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    proxy.cut();
    await expect(client.query("select 1")).rejects.toThrow(lost);
    await waitFor(async () => {
      const { rowCount } = await db.super.query("select from pg_stat_activity where pid = $1", [
        rows[0]?.pid,
      ]);
      return rowCount === 0;
    });
    await (await connect(proxy.url)).end();
  });

  it("resets new connections while it rejects, and lets the old ones go on", async () => {
    await using proxy = await startProxy(db.appUrl);
    const client = await connect(proxy.url);
    proxy.reject();
    await expect(connect(proxy.url)).rejects.toThrow(lost);
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    proxy.resume();
    await (await connect(proxy.url)).end();
    await client.end();
  });

  it("gives the client the server's end", async () => {
    await using proxy = await startProxy(db.appUrl);
    const client = await connect(proxy.url);
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const ended = once(client, "error");
    await db.super.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    expect(await ended).toMatchObject([{ code: "57P01" }]);
  });

  it("shows which messages and statements a client sends", async () => {
    await using proxy = await startProxy(db.appUrl);
    const client = await connect(proxy.url);
    proxy.forgetMessages();
    await client.query("select 'ä'");
    expect(proxy.clientMessages()).toEqual({ Q: 1 });
    await client.query("select $1::text", ["long ".repeat(100_000)]);
    expect(proxy.clientMessages()).toEqual({ Q: 1, P: 1, B: 1, D: 1, E: 1, S: 1 });
    expect(proxy.clientStatements()).toEqual(["select 'ä'", "select $1::text"]);
    proxy.forgetMessages();
    expect(proxy.clientMessages()).toEqual({});
    await client.end();
  });
});
