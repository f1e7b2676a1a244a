import { getEventListeners } from "node:events";

import { createPostkit, migrate, type Postkit } from "@postkit/core";
import {
  createTestDatabase,
  newRunId,
  pgbouncerAvailable,
  type Proxy,
  startPgbouncer,
  startPrivateServer,
  startProxy,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { threeTables } from "./support/fixture-module.ts";
import { as, probe, whoami } from "./support/probe.ts";

type Handle = Postkit<{ probe: typeof probe }>;

const told = (error: unknown) => {
  const { module, code } = error as { module?: string; code?: string };
  return module === undefined ? String(error) : `${module}.${code}`;
};
const lost = /^core\.SYS_(CONNECTION_LOST|CONNECTION_FAILED|TIMEOUT|COMMIT_UNKNOWN)$/;

describe("a server that stops and starts again under load", () => {
  it.each(["crash", "shutDown"] as const)(
    "fails calls clearly and in time, and serves them again without a restart of the process: %s",
    async (end) => {
      await using server = await startPrivateServer();
      await using db = await createTestDatabase({
        modules: [probe],
        server: { url: server.url, version: server.version, runId: newRunId() },
      });
      const timeoutMs = 2_000;
      await using postkit = createPostkit({
        connectionString: db.appUrl,
        pool: { max: 4 },
        namespace: "acme",
        timeoutMs,
        modules: { probe },
      });
      const outcomes: { error?: unknown; ms: number; during: string }[] = [];
      let phase = "before";
      let stopped = false;
      const load = async (index: number) => {
        for (;;) {
          if (stopped) return;
          const [during, startedAt] = [phase, performance.now()];
          const call =
            index % 2 === 0
              ? whoami(postkit.probe)
              : postkit.transaction((tx) => whoami(tx.probe), { timeoutMs });
          const error: unknown = await call.then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          outcomes.push({ error, ms: performance.now() - startedAt, during });
          // Refused at once while the server is down: give it a chance to come up.
          if (error !== undefined) await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const loads = Promise.all(Array.from({ length: 8 }, (_, index) => load(index)));
      const after = (name: string, count: number) =>
        waitFor(() => outcomes.filter(({ during }) => during === name).length >= count, {
          what: `calls ${name}`,
        });

      await after("before", 50);
      phase = "down";
      await server[end]();
      await after("down", 20);
      await server.restart();
      phase = "after";
      await waitFor(() => outcomes.some(({ error, during }) => during === "after" && !error));
      phase = "recovered";
      await after("recovered", 50);
      stopped = true;
      await loads;

      const errorsIn = (name: string) =>
        outcomes
          .filter(({ error, during }) => during === name && error !== undefined)
          .map(({ error }) => told(error));
      expect(errorsIn("before").filter((text) => !lost.test(text))).toEqual([]);
      expect(errorsIn("down")).not.toEqual([]);
      for (const text of new Set(
        outcomes.flatMap(({ error }) => (error === undefined ? [] : [told(error)])),
      )) {
        expect(text).toMatch(lost);
      }
      expect(errorsIn("recovered")).toEqual([]);
      // Its own time-out, and what a busy machine needs to notice.
      expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(timeoutMs + 5_000);
      expect(postkit.pool.totalCount).toBeLessThanOrEqual(4);
    },
  );
});

describe("a network that fails", () => {
  let db: TestDatabase;
  let proxy: Proxy;
  let postkit: Handle;
  /** On the same pool, with little patience. */
  let hasty: Handle;
  beforeAll(async () => {
    db = await createTestDatabase({ modules: [probe] });
  });
  afterAll(() => db.drop());
  beforeEach(async () => {
    proxy = await startProxy(db.appUrl);
    postkit = createPostkit({
      connectionString: proxy.url,
      pool: { max: 2 },
      namespace: "acme",
      modules: { probe },
    });
    hasty = createPostkit({
      db: postkit.pool,
      namespace: "acme",
      timeoutMs: 300,
      modules: { probe },
    });
  });
  afterEach(async () => {
    proxy.resume();
    await postkit.close();
    await proxy.close();
    // What the network cut off sleeps on: the server has not noticed.
    await db.super.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and datname = current_database()",
      [db.appRole],
    );
  });

  const sleep = (handle: Handle, options = {}) =>
    handle.probe.value("probe.sleep", { p_seconds: 60 }, as(), options);
  const sleepers = async () => {
    const { rows } = await db.super.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and state = 'active' and query like '%probe.sleep%' and pid <> pg_backend_pid()`,
    );
    return rows.map(({ pid }) => pid);
  };
  const backends = async () => {
    const { rows } = await db.super.query<{ pid: number }>(
      "select pid from pg_stat_activity where datname = current_database() and usename = $1",
      [db.appRole],
    );
    return rows.map(({ pid }) => pid);
  };

  describe("a stalled connection", () => {
    it("fails its call within its time-out, is closed, and the pool recovers", async () => {
      const { backendPid } = await whoami(postkit.probe);
      proxy.stall();
      await expect(whoami(hasty.probe)).rejects.toMatchObject({
        module: "core",
        code: "SYS_TIMEOUT",
        sqlstate: "57014",
        message: expect.stringContaining("probe.whoami"),
      });
      // Closed as soon as its cancellation has been given up, too.
      await waitFor(() => postkit.pool.totalCount === 0, { what: "the connection to be closed" });

      proxy.resume();
      expect((await whoami(postkit.probe)).backendPid).not.toBe(backendPid);
    });

    it("fails calls that wait for a connection, too", async () => {
      await whoami(postkit.probe);
      proxy.stall();
      const results = await Promise.allSettled(
        Array.from({ length: 6 }, () => whoami(hasty.probe)),
      );
      expect(
        results.map((result) => (result.status === "rejected" ? told(result.reason) : "answered")),
      ).toEqual(Array.from({ length: 6 }, () => "core.SYS_TIMEOUT"));

      proxy.resume();
      await waitFor(() => whoami(postkit.probe).catch(() => undefined), {
        what: "the pool to recover",
      });
      const answers = await Promise.all(Array.from({ length: 6 }, () => whoami(postkit.probe)));
      expect(answers.every(({ tenantId }) => tenantId === "acme")).toBe(true);
    });

    it("before there was any connection fails within the time-out of the call", async () => {
      proxy.stall();
      await expect(whoami(hasty.probe)).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
      proxy.resume();
      await waitFor(() => whoami(postkit.probe).catch(() => undefined), {
        what: "the pool to recover",
      });
    });

    it("fails a transaction at its next statement and the pool recovers", async () => {
      await expect(
        postkit.transaction(async (tx) => {
          await whoami(tx.probe);
          proxy.stall();
          await tx.query("select 1", [], { timeoutMs: 300 });
        }),
      ).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
      proxy.resume();
      await waitFor(() => whoami(postkit.probe).catch(() => undefined), {
        what: "the pool to recover",
      });
    });
  });

  describe("a call that takes longer than it may", () => {
    it("is given up and cancelled on the server", async () => {
      const call = sleep(postkit, { timeoutMs: 5_000 });
      await waitFor(async () => (await sleepers()).length === 1, { what: "the call to run" });
      const short = sleep(postkit, { timeoutMs: 50 });
      await expect(short).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
      // Only its own statement: the other one goes on.
      await waitFor(async () => (await backends()).length === 1, { what: "the server to end it" });
      expect(await sleepers()).toHaveLength(1);
      // Watched before it fails, which it may do sooner than this query answers.
      const cancelled = expect(call).rejects.toMatchObject({ code: "57014", severity: "ERROR" });
      await db.super.query("select pg_cancel_backend($1)", [(await sleepers())[0]]);
      await cancelled;
    });

    it("in a transaction is cancelled on the server as well", async () => {
      await expect(
        postkit.transaction((tx) => tx.query("select probe.sleep(60)", [], { timeoutMs: 100 })),
      ).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
      await waitFor(async () => (await sleepers()).length === 0, { what: "the server to end it" });
    });

    it.each([10_000, Infinity, Number.MAX_SAFE_INTEGER])(
      "has as long as it asks for: %s ms",
      async (timeoutMs) => {
        await expect(
          hasty.probe.value("probe.sleep", { p_seconds: 0.4 }, as(), { timeoutMs }),
        ).resolves.toBe("");
      },
    );

    it.each([-1, Number.NaN])("cannot be given %s milliseconds", async (timeoutMs) => {
      await expect(sleep(postkit, { timeoutMs })).rejects.toMatchObject({ code: "VAL_ARGUMENT" });
    });

    it.skipIf(!pgbouncerAvailable())("is cancelled on the server through a pooler", async () => {
      await using pooler = await startPgbouncer(db.superUrl, { poolSize: 2 });
      await using pooled = createPostkit({
        connectionString: pooler.url(db.name, db.appRole),
        modules: { probe },
      });
      await expect(sleep(pooled, { timeoutMs: 100 })).rejects.toMatchObject({
        code: "SYS_TIMEOUT",
      });
      await waitFor(async () => (await sleepers()).length === 0, { what: "the server to end it" });
      expect(await whoami(pooled.probe)).toMatchObject({ tenantId: "default" });
    });
  });

  describe("an aborted call", () => {
    it("is given up with the signal's reason as cause, and cancelled on the server", async () => {
      const controller = new AbortController();
      const reason = new Error("the user went away");
      const aborted = expect(
        sleep(postkit, { signal: controller.signal, timeoutMs: 10_000 }),
      ).rejects.toMatchObject({ module: "core", code: "SYS_ABORTED", cause: reason });
      await waitFor(async () => (await sleepers()).length === 1, { what: "the call to run" });
      controller.abort(reason);
      await aborted;
      await waitFor(async () => (await sleepers()).length === 0, { what: "the server to end it" });
      expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
    });

    it("sends nothing when it was aborted before", async () => {
      await whoami(postkit.probe);
      proxy.forgetMessages();
      await expect(
        postkit.probe.value("probe.echo", { p_text: "a" }, as(), { signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ code: "SYS_ABORTED" });
      expect(proxy.clientStatements()).toEqual([]);
    });

    it("while it waits for a connection takes none", async () => {
      const busy = Promise.all([
        sleep(postkit, { timeoutMs: 1_000 }),
        sleep(postkit, { timeoutMs: 1_000 }),
      ]).catch(told);
      await waitFor(async () => (await sleepers()).length === 2, {
        what: "both connections to be busy",
      });
      const controller = new AbortController();
      const waiting = expect(
        postkit.probe.value("probe.echo", { p_text: "a" }, as(), {
          signal: controller.signal,
          timeoutMs: 10_000,
        }),
      ).rejects.toMatchObject({ code: "SYS_ABORTED" });
      controller.abort();
      await waiting;
      expect(await busy).toBe("core.SYS_TIMEOUT");
      expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
      await waitFor(() => postkit.pool.idleCount === postkit.pool.totalCount, {
        what: "no connection to be missing",
      });
    });

    it("leaves no listener on its signal", async () => {
      const { signal } = new AbortController();

      for (let call = 0; call < 20; call += 1) {
        await postkit.probe.value("probe.echo", { p_text: "a" }, as(), { signal });
      }
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });
  });

  describe("a connection that is cut", () => {
    it("fails its call as lost, and the next call has a new one", async () => {
      const call = sleep(postkit, { timeoutMs: 10_000 });
      const failed = expect(call).rejects.toMatchObject({
        module: "core",
        code: "SYS_CONNECTION_LOST",
        sqlstate: "08006",
        cause: expect.any(Error),
      });
      await waitFor(async () => (await sleepers()).length === 1, { what: "the call to run" });
      proxy.cut();
      await failed;
      expect(postkit.pool.totalCount).toBe(0);
      expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
    });

    it("by the server fails its call as lost", async () => {
      // The server may still be at work for the connection that was cut before.
      await waitFor(async () => (await sleepers()).length === 0, { what: "the last call to end" });
      const call = sleep(postkit, { timeoutMs: 10_000 });
      const failed = expect(call).rejects.toMatchObject({
        code: "SYS_CONNECTION_LOST",
        cause: { code: "57P01", severity: "FATAL" },
      });
      await waitFor(async () => (await sleepers()).length === 1, { what: "the call to run" });
      await db.super.query("select pg_terminate_backend($1)", await sleepers());
      await failed;
      expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
    });

    it("while it was idle costs no call and does not crash the process", async () => {
      await Promise.all([whoami(postkit.probe), whoami(postkit.probe)]);
      expect(postkit.pool.idleCount).toBe(2);
      proxy.cut();
      await waitFor(() => postkit.pool.totalCount === 0, { what: "the pool to notice" });
      expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
    });

    it("while it was idle in a transaction fails that and does not crash the process", async () => {
      await expect(
        postkit.transaction(async (tx) => {
          await whoami(tx.probe);
          proxy.cut();
          await waitFor(async () => (await backends()).length === 0, {
            what: "the server to notice",
          });
          await whoami(tx.probe);
        }),
      ).rejects.toMatchObject({ code: "SYS_CONNECTION_LOST" });
    });
  });

  it("that takes no connections is told as such, with the reason as cause", async () => {
    proxy.reject();
    await expect(whoami(postkit.probe)).rejects.toMatchObject({
      module: "core",
      code: "SYS_CONNECTION_FAILED",
      sqlstate: "08001",
      cause: expect.any(Error),
    });
    await expect(postkit.transaction((tx) => whoami(tx.probe))).rejects.toMatchObject({
      code: "SYS_CONNECTION_FAILED",
    });
    proxy.resume();
    expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "acme" });
  });

  it("costs a transaction with retries nothing but time", async () => {
    proxy.reject();
    let tries = 0;
    const work = postkit
      .transaction((tx) => whoami(tx.probe), { retries: 1_000 })
      .finally(() => (tries = -1));
    await waitFor(() => proxy.stats.connections === 0 && tries === 0);
    proxy.resume();
    expect(await work).toMatchObject({ tenantId: "acme" });
  });
});

describe("refusals of the server", () => {
  it("of a database or role that does not exist are told with PostgreSQL's own error as cause", async () => {
    await using db = await createTestDatabase();
    const nowhere = new URL(db.appUrl);
    nowhere.pathname = "/no_such_database";
    await using postkit = createPostkit({ connectionString: nowhere.href, modules: { probe } });
    await expect(whoami(postkit.probe)).rejects.toMatchObject({
      code: "SYS_CONNECTION_FAILED",
      cause: { code: "3D000" },
    });
    await expect(migrate(nowhere.href, { modules: [threeTables("shop")] })).rejects.toMatchObject({
      code: "SYS_CONNECTION_FAILED",
      cause: { code: "3D000" },
    });
  });
});

describe("a pool that was given", () => {
  it("is never closed, keeps its own listeners, and is told of its own lost connections", async () => {
    await using db = await createTestDatabase({ modules: [probe] });
    const pool = new pg.Pool({ connectionString: db.appUrl, max: 1 });
    const errors: unknown[] = [];
    pool.on("error", (error) => errors.push(error));
    try {
      const postkit = createPostkit({ db: pool, modules: { probe } });
      const { backendPid } = await whoami(postkit.probe);
      const gone = new Promise((resolve) => pool.once("remove", resolve));
      await db.super.query("select pg_terminate_backend($1)", [backendPid]);
      await gone;
      expect(errors).toHaveLength(1);

      await expect(
        postkit.probe.value("probe.sleep", { p_seconds: 60 }, as(), { timeoutMs: 50 }),
      ).rejects.toMatchObject({
        code: "SYS_TIMEOUT",
      });
      await postkit.close();
      expect(pool.ended).toBe(false);
      expect(await whoami(postkit.probe)).toMatchObject({ tenantId: "default" });
      expect(pool.listenerCount("error")).toBe(1);
    } finally {
      await pool.end();
    }
  });

  it("has no listener left on its connections after many calls", async () => {
    await using db = await createTestDatabase({ modules: [probe] });
    const pool = new pg.Pool({ connectionString: db.appUrl, max: 1 });
    try {
      const postkit = createPostkit({ db: pool, modules: { probe } });
      const listeners = async () => {
        const client = await pool.connect();
        const count = client.listenerCount("error");
        client.release();
        return count;
      };
      await whoami(postkit.probe);
      const before = await listeners();
      for (let call = 0; call < 30; call += 1) {
        await whoami(postkit.probe);
        await postkit.transaction((tx) => whoami(tx.probe));
        await postkit.probe.value("probe.refuse", {}, as()).catch(() => {});
      }
      expect(await listeners()).toBe(before);
    } finally {
      await pool.end();
    }
  });
});
