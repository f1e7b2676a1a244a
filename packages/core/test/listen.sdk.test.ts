import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { createPostkit, type Postkit, type PostkitOptions } from "@postkit/core";
import {
  createTestDatabase,
  type Proxy,
  startProxy,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { backends, notify, record } from "./support/listening.ts";
import { probe, whoami } from "./support/probe.ts";

const modules = { probe };
type Options = Omit<PostkitOptions<typeof modules>, "modules">;

let db: TestDatabase;
let proxy: Proxy;
let postkit: Postkit<typeof modules>;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe] });
});
afterAll(() => db.drop());
beforeEach(async () => {
  proxy = await startProxy(db.appUrl);
  postkit = open({ connectionString: proxy.url });
});
afterEach(async () => {
  await postkit.close();
  await proxy.close();
});

const open = (options: Options) => createPostkit({ namespace: "acme", modules, ...options });
const sent = (statement: string) =>
  waitFor(() => proxy.clientStatements().includes(statement), { what: statement });
const noBackend = () =>
  waitFor(async () => (await backends(db)).length === 0, { what: "the connection to be closed" });

describe("listen", () => {
  it("tells a gap when it begins and then every notification of its channel with its payload", async () => {
    const { handler, events } = record();
    await postkit.listen("orders", handler).ready;
    await notify(db, "others", "not for us");
    await notify(db, "orders", "one");
    await db.super.query("notify orders");
    await waitFor(() => events.length === 3, { what: "three events" });
    expect(events).toEqual([
      { type: "gap" },
      { type: "notification", channel: "orders", payload: "one" },
      { type: "notification", channel: "orders", payload: "" },
    ]);
  });

  it("shares one connection outside the pool among channels and handles", async () => {
    const handles = [
      postkit,
      postkit.withNamespace("globex"),
      postkit.withActor({ actorId: "user:alice" }),
      postkit.probe.withSettings({ colour: "red" }),
    ];
    const recorders = handles.map(() => record());
    const subscriptions = handles.map((handle, index) =>
      handle.listen(`channel ${index}`, recorders[index]?.handler ?? (() => {})),
    );
    await Promise.all(subscriptions.map(({ ready }) => ready));
    expect(await backends(db)).toHaveLength(1);
    expect(postkit.pool.totalCount).toBe(0);
    for (const [index, { until }] of recorders.entries()) {
      await notify(db, `channel ${index}`, `for ${index}`);
      await until(`for ${index}`);
    }
    expect(recorders.map(({ told }) => told())).toEqual(
      recorders.map((_, index) => ["gap", `for ${index}`]),
    );
  });

  it("opens no connection before it is first asked for", async () => {
    await whoami(postkit.probe);
    expect(await backends(db)).toHaveLength(1);
    expect(postkit.pool.totalCount).toBe(1);
  });

  it("opens none for a subscription that is closed at once", async () => {
    const subscription = postkit.listen("orders", () => {});
    await subscription.close();
    await postkit.close();
    await expect(subscription.ready).rejects.toMatchObject({ code: "SYS_ABORTED" });
    expect(proxy.stats.connections).toBe(0);
  });

  it("tells all subscribers of one channel, each with a gap of its own, and listens once", async () => {
    const [first, second] = [record(), record()];
    await postkit.listen("orders", first.handler).ready;
    await postkit.listen("orders", second.handler).ready;
    await notify(db, "orders", "one");
    await Promise.all([first.until("one"), second.until("one")]);
    expect([first.told(), second.told()]).toEqual([
      ["gap", "one"],
      ["gap", "one"],
    ]);
    expect(proxy.clientStatements()).toEqual(['listen "orders"']);
  });

  it("listens until the last subscriber of a channel has gone, and closes after the last of all", async () => {
    const [first, second, other] = [record(), record(), record()];
    const subscriptions = [
      postkit.listen("orders", first.handler),
      postkit.listen("orders", second.handler),
      postkit.listen("others", other.handler),
    ] as const;
    await Promise.all(subscriptions.map(({ ready }) => ready));

    await subscriptions[0].close();
    await notify(db, "orders", "one");
    await second.until("one");
    expect(first.told()).toEqual(["gap"]);

    await subscriptions[1].close();
    await sent('unlisten "orders"');
    await notify(db, "orders", "two");
    await notify(db, "others", "three");
    await other.until("three");
    expect(second.told()).toEqual(["gap", "one"]);
    expect(await backends(db)).toHaveLength(1);

    await subscriptions[2].close();
    await noBackend();
  });

  it("counts a subscription once, however often it is closed", async () => {
    const { handler, told, until } = record();
    const closed = postkit.listen("orders", () => {});
    await postkit.listen("orders", handler).ready;
    await closed.close();
    await closed.close();
    await closed[Symbol.asyncDispose]();
    await notify(db, "orders", "one");
    await until("one");
    expect(told()).toEqual(["gap", "one"]);
  });

  it("begins again after the last subscription was closed", async () => {
    const first = postkit.listen("orders", () => {});
    await first.ready;
    const closing = first.close();
    const { handler, until } = record();
    await postkit.listen("orders", handler).ready;
    await closing;
    await notify(db, "orders", "one");
    await until("one");
    expect(await backends(db)).toHaveLength(1);
  });

  it("loses no subscriber who comes while his channel is being left", async () => {
    await postkit.listen("others", () => {}).ready;
    for (let turn = 0; turn < 20; turn += 1) {
      const { handler, told, until } = record();
      const leaving = postkit.listen("orders", () => {});
      await leaving.ready;
      void leaving.close();
      // Half of them before the server was told, half while it is being told.
      if (turn % 2 === 1) await Promise.resolve();
      const subscription = postkit.listen("orders", handler);
      await subscription.ready;
      await notify(db, "orders", `turn ${turn}`);
      await until(`turn ${turn}`);
      await subscription.close();
      expect(told()).toEqual(["gap", `turn ${turn}`]);
    }
  });

  it("lets a handler subscribe and leave while it is told something", async () => {
    const inner = record();
    const outer = postkit.listen("orders", (event) => {
      if (event.type !== "gap") return;
      postkit.listen("others", inner.handler);
      void outer.close();
    });
    await inner.until("gap");
    await sent('listen "others"; unlisten "orders"');
    await notify(db, "others", "one");
    await inner.until("one");
    expect(inner.told()).toEqual(["gap", "one"]);
  });

  it.each([
    "Orders",
    'a "quoted" name',
    "it's; drop table orders --",
    "$1 \\ %s",
    "ö".repeat(31),
    "🐘",
    " ",
    "x".repeat(63),
  ])("takes any text as the name of a channel: %s", async (channel) => {
    const { handler, events, until } = record();
    await postkit.listen(channel, handler).ready;
    await notify(db, channel, "one");
    await until("one");
    expect(events.at(-1)).toEqual({ type: "notification", channel, payload: "one" });
  });

  it.each([
    ["an empty name", "", "VAL_ARGUMENT"],
    ["a name of more than 63 bytes", "x".repeat(64), "VAL_ARGUMENT"],
    ["fewer characters of more than 63 bytes", "ö".repeat(32), "VAL_ARGUMENT"],
    ["a name that is none", undefined as unknown as string, "VAL_ARGUMENT"],
    ["a NUL character", "a\0b", "VAL_TEXT_ENCODING"],
    ["an unpaired surrogate", "\ud800", "VAL_TEXT_ENCODING"],
  ])("refuses %s and connects nowhere", (_, channel, code) => {
    expect(() => postkit.listen(channel, () => {})).toThrow(
      expect.objectContaining({
        module: "core",
        code,
        message: expect.stringMatching(/^channel /),
      }),
    );
    expect(proxy.stats.connections).toBe(0);
  });

  it("refuses a handler that is no function", () => {
    expect(() => postkit.listen("orders", undefined as never)).toThrow(
      expect.objectContaining({ code: "VAL_ARGUMENT" }),
    );
  });

  it("is refused in a transaction, ours or a joined one", async () => {
    const refused = expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" });
    await postkit.transaction(async (tx) => {
      expect(() => tx.probe.listen("orders", () => {})).toThrow(refused);
      await tx.transaction(async (inner) => {
        expect(() => inner.probe.listen("orders", () => {})).toThrow(refused);
      });
    });
    const joined = postkit.on({ query: async () => ({ rows: [] }) });
    expect(() => joined.probe.withNamespace("globex").listen("orders", () => {})).toThrow(refused);
  });

  it("makes what a handler throws a process warning and goes on, with others as well", async () => {
    const warnings: (Error & { code?: string })[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const { handler, until } = record();
    postkit.listen("orders", () => {
      throw new Error("at once");
    });
    postkit.listen("orders", async () => {
      throw new Error("later");
    });
    await postkit.listen("orders", handler).ready;
    await notify(db, "orders", "one");
    await until("one");
    await waitFor(() => warnings.length === 4, { what: "four warnings" });
    process.off("warning", onWarning);
    for (const text of ["at once", "later"]) {
      expect(warnings.filter(({ message }) => message.includes(text))).toEqual([
        expect.objectContaining({ name: "PostkitWarning", code: "LISTEN" }),
        expect.objectContaining({ name: "PostkitWarning", code: "LISTEN" }),
      ]);
    }
  });

  it("tells why there is no connection, once, and rejects ready when it is closed before", async () => {
    await postkit.close();
    await proxy.close();
    postkit = open({ connectionString: proxy.url, listener: { reconnectMsMax: 1 } });
    const [first, second] = [record(), record()];
    const subscription = postkit.listen("orders", first.handler);
    await first.until("lost");
    postkit.listen("orders", second.handler);
    await second.until("lost");
    expect(first.events).toEqual([
      {
        type: "lost",
        error: expect.objectContaining({ module: "core", code: "SYS_CONNECTION_FAILED" }),
      },
    ]);
    await subscription.close();
    await expect(subscription.ready).rejects.toMatchObject({ module: "core", code: "SYS_ABORTED" });
  });
});

describe("close", () => {
  it("ends all subscriptions and their connection, may be called twice, and listen is refused after it", async () => {
    const { handler, told } = record();
    const subscription = postkit.listen("orders", handler);
    await subscription.ready;
    await Promise.all([postkit.close(), postkit.close()]);
    await noBackend();
    await subscription.close();
    await subscription.ready;
    expect(told()).toEqual(["gap"]);
    expect(() => postkit.listen("orders", handler)).toThrow(
      expect.objectContaining({ module: "core", code: "BIZ_HANDLE_CLOSED" }),
    );
  });

  it("gives a connection up that is still being made, or waited for", async () => {
    proxy.stall();
    const stalled = record();
    const subscription = postkit.listen("orders", stalled.handler);
    await waitFor(() => proxy.stats.connections === 1, { what: "the attempt" });
    await postkit.close();
    await expect(subscription.ready).rejects.toMatchObject({ code: "SYS_ABORTED" });
    proxy.resume();
    proxy.reject();

    postkit = open({ connectionString: proxy.url, listener: { reconnectMsMax: 2 ** 31 - 1 } });
    const refused = record();
    postkit.listen("orders", refused.handler);
    await refused.until("lost");
    await postkit.close();
    expect(stalled.told()).toEqual([]);
    expect(refused.told()).toEqual(["lost"]);
  });

  it("leaves a pool that was given open", async () => {
    const own = open({ db: db.app });
    await own.listen("orders", () => {}).ready;
    await own.close();
    expect((await whoami(own.probe)).tenantId).toBe("acme");
  });
});

describe("the connection of a listener", () => {
  it("is made as those of a pool that was given, its password included", async () => {
    const { hostname, port, username, password, pathname } = new URL(db.appUrl);
    const pool = new pg.Pool({
      host: hostname,
      port: Number(port),
      user: username,
      password,
      database: pathname.slice(1),
      application_name: "the application",
    });
    const own = open({ db: pool });
    const { handler, until } = record();
    await own.listen("orders", handler).ready;
    await notify(db, "orders", "one");
    await until("one");
    const { rows } = await db.super.query(
      "select application_name as name from pg_stat_activity where datname = current_database() and usename = $1 and query like 'listen %'",
      [db.appRole],
    );
    expect(rows).toEqual([{ name: "the application" }]);
    await own.close();
    await pool.end();
  });

  it.each(["connectionString", "pool", "db"] as const)(
    "goes to directConnectionString, past the %s that calls use",
    async (kind) => {
      const pool = new pg.Pool({ connectionString: db.appUrl, max: 1 });
      const source = {
        connectionString: { connectionString: db.appUrl },
        pool: { pool: { connectionString: db.appUrl } },
        db: { db: pool },
      }[kind];
      const own = open({ ...source, directConnectionString: proxy.url });
      await whoami(own.probe);
      expect(proxy.stats.connections).toBe(0);
      await own.listen("orders", () => {}).ready;
      expect(proxy.stats.connections).toBe(1);
      expect(proxy.clientStatements()).toEqual(['listen "orders"']);
      await own.close();
      await pool.end();
    },
  );

  it("refuses a directConnectionString from an empty variable, which would lead elsewhere", () => {
    expect(() => open({ connectionString: db.appUrl, directConnectionString: "" })).toThrow(
      expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" }),
    );
  });

  it("tells of a connection string that is none when its caller has the subscription", async () => {
    const own = open({ connectionString: db.appUrl, directConnectionString: "postgres://:x:y" });
    const { handler, events, until } = record();
    const subscription = own.listen("orders", (event) => {
      expect(subscription.channel).toBe("orders");
      return handler(event);
    });
    await until("lost");
    expect(events).toEqual([{ type: "lost", error: expect.any(Error) }]);
    await own.close();
  });

  it.each(["heartbeatMs", "answerTimeoutMs", "reconnectMsMax"])(
    "refuses %s that is no time",
    (name) => {
      for (const value of [0, -1, NaN, Infinity, "15s" as never]) {
        expect(() => open({ connectionString: db.appUrl, listener: { [name]: value } })).toThrow(
          expect.objectContaining({ code: "VAL_ARGUMENT", message: expect.stringContaining(name) }),
        );
      }
    },
  );

  it("keeps the process alive while anybody is subscribed, and lets it end after", async () => {
    const program = fileURLToPath(new URL("support/listening-program.ts", import.meta.url));
    const child = spawn(
      process.execPath,
      ["--conditions=@postkit/source", "--import", "tsx", program, proxy.url],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const exited = once(child, "exit");
    let printed = "";
    child.stdout.on("data", (bytes: Buffer) => (printed += bytes.toString()));
    const prints = (line: string) =>
      waitFor(() => printed.split("\n").includes(line), { what: line });

    // It has nothing else to do, neither now nor while it waits for its next attempt.
    await prints("gap");
    proxy.reject();
    proxy.cut();
    await prints("lost");
    proxy.resume();
    await waitFor(() => printed.split("gap").length === 3, { what: "the second gap" });
    await notify(db, "orders", "leave");
    await prints("leave");
    expect(await exited).toEqual([0, null]);
  });
});
