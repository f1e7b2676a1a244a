import { authz } from "@postkit/authz";
import { createPostkit, json, type QueryEvent } from "@postkit/core";
import { createTestDatabase, startProxy, type TestDatabase } from "@postkit/testkit";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { as, probe, whoami } from "./support/probe.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe, authz] });
});
afterAll(() => db.drop());

const open = (options: { namespace?: string; onQuery?: (event: QueryEvent) => void } = {}) =>
  createPostkit({ db: db.app, namespace: "acme", modules: { probe, authz }, ...options });

const everySetting = "tenant_id actor_id request_id on_behalf_of reason colour entered".split(" ");
const leftOn = async (client: pg.ClientBase) => {
  const { rows } = await client.query<{ left: string }>(
    "select coalesce(string_agg(n || '=' || current_setting('postkit.' || n, true), ','), '') as left from unnest($1::text[]) n where current_setting('postkit.' || n, true) <> ''",
    [everySetting],
  );
  return rows[0]?.left;
};

describe("a call outside a transaction", () => {
  it.each([
    { what: "the tenant alone", actor: {} },
    { what: "an actor and a setting", actor: { actorId: "user:admin", reason: "ticket 42" } },
  ])("is one statement on the wire with $what", async ({ actor }) => {
    await using proxy = await startProxy(db.appUrl);
    await using postkit = createPostkit({
      connectionString: proxy.url,
      namespace: "acme",
      modules: { probe, authz },
    });
    const acting = postkit.withActor(actor);
    await acting.authz.check("user:a", "read", "doc:1");
    proxy.forgetMessages();

    await acting.authz.check("user:a", "read", "doc:1");
    expect(proxy.clientStatements()).toHaveLength(1);
    expect(proxy.clientMessages()).toEqual({ P: 1, B: 1, D: 1, E: 1, S: 1 });

    await acting.probe.rows("probe.whoami", {}, as());
    expect(proxy.clientStatements()).toHaveLength(2);
  });

  it("is one statement by the server's own statistics, and opens no transaction block", async () => {
    await db.super.query("create extension if not exists pg_stat_statements");
    const postkit = open({ namespace: "counted" });
    const calls = 5;
    await postkit.authz.check("user:a", "read", "doc:counted");
    await db.super.query(
      "select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)",
    );
    for (let call = 0; call < calls; call += 1)
      await postkit.authz.check("user:a", "read", "doc:counted");

    const { rows } = await db.super.query<{ query: string; calls: number }>(
      `select s.query, s.calls::int from pg_stat_statements s
       where s.dbid = (select oid from pg_database where datname = current_database())
         and s.userid = $1::regrole and s.toplevel`,
      [db.appRole],
    );
    expect(rows).toEqual([{ query: expect.stringContaining("authz.check"), calls }]);
  });

  it("leaves no setting on the connection it used", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      namespace: "acme",
      modules: { probe },
    });
    const { backendPid, tenantId, colour } = await whoami(
      postkit
        .withActor({ actorId: "a", requestId: "r", onBehalfOf: "o", reason: "x" })
        .withSettings({ colour: "red" }).probe,
    );
    expect({ tenantId, colour }).toEqual({ tenantId: "acme", colour: "red" });

    const client = await postkit.pool.connect();
    try {
      expect((client as unknown as { processID: number }).processID).toBe(backendPid);
      expect(await leftOn(client)).toBe("");
    } finally {
      client.release();
    }
  });

  it("leaves no setting on the connection when it fails", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      namespace: "acme",
      modules: { probe },
    });
    await expect(
      postkit.withActor({ actorId: "a" }).probe.value("probe.refuse", {}, as()),
    ).rejects.toThrow();
    const client = await postkit.pool.connect();
    try {
      expect(await leftOn(client)).toBe("");
    } finally {
      client.release();
    }
  });

  it("sends nothing before it is made", async () => {
    await using proxy = await startProxy(db.appUrl);
    await using postkit = createPostkit({ connectionString: proxy.url, modules: { probe } });
    postkit.withNamespace("other").withActor({ actorId: "a" });
    expect(proxy.stats.connections).toBe(0);
  });
});

describe("a call of a function that is for no tenant", () => {
  it("sets none, and is a call like any other in all else", async () => {
    const seen: QueryEvent[] = [];
    const { probe: caller } = open({ onQuery: (event) => seen.push(event) });
    expect(await caller.unscoped.value("probe.tenant", {}, as())).toBeNull();
    expect(await caller.unscoped.rows("probe.count_to", { p_end: 2 }, as())).toEqual([
      { r: 1 },
      { r: 2 },
    ]);
    expect(seen.map(({ name, rowCount }) => [name, rowCount])).toEqual([
      ["probe.tenant", 1],
      ["probe.count_to", 2],
    ]);
    const late = caller.unscoped.value("pg_sleep", {}, as(), { signal: AbortSignal.abort() });
    await expect(late).rejects.toMatchObject({ code: "SYS_ABORTED" });
  });

  it("leaves the tenant of a transaction that it shares as it is", async () => {
    const tenant = await open().transaction(async (tx) => {
      await whoami(tx.probe);
      return tx.probe.unscoped.value("probe.tenant", {}, as());
    });
    expect(tenant).toBe("acme");
  });
});

describe("the context of a call", () => {
  it("is the handle's namespace, 'default' when none is given", async () => {
    expect(await whoami(open().probe)).toMatchObject({
      nameSpace: "acme",
      tenantId: "acme",
      actorId: null,
    });
    expect(await whoami(createPostkit({ db: db.app, modules: { probe } }).probe)).toMatchObject({
      tenantId: "default",
    });
  });

  it("changes on a new handle only", async () => {
    const postkit = open();
    const globex = postkit.withNamespace("globex");
    const acting = postkit.withActor({
      actorId: "user:admin",
      requestId: "r1",
      onBehalfOf: "user:b",
      reason: "why",
    });

    expect(await whoami(globex.probe)).toMatchObject({ tenantId: "globex", actorId: null });
    expect(await whoami(acting.probe)).toMatchObject({
      tenantId: "acme",
      actorId: "user:admin",
      requestId: "r1",
      onBehalfOf: "user:b",
      reason: "why",
    });
    expect(await whoami(postkit.probe)).toMatchObject({
      tenantId: "acme",
      actorId: null,
      requestId: null,
    });
    expect([postkit.namespace, globex.namespace, acting.namespace]).toEqual([
      "acme",
      "globex",
      "acme",
    ]);
    expect(Object.isFrozen(postkit) && Object.isFrozen(globex)).toBe(true);
  });

  it("keeps the actor over a change of namespace and clears what a new actor leaves out", async () => {
    const acting = open().withActor({ actorId: "first", reason: "why" });
    expect(await whoami(acting.withNamespace("globex").probe)).toMatchObject({
      tenantId: "globex",
      actorId: "first",
    });
    expect(await whoami(acting.withActor({ actorId: "second" }).probe)).toMatchObject({
      actorId: "second",
      reason: null,
    });
    expect(await whoami(acting.withActor({}).probe)).toMatchObject({ actorId: null, reason: null });
  });

  it("takes further settings and lets them be taken away", async () => {
    const red = open().withSettings({ colour: "red" });
    expect(await whoami(red.withActor({ actorId: "a" }).probe)).toMatchObject({
      colour: "red",
      actorId: "a",
    });
    expect(await whoami(red.withSettings({ colour: undefined }).probe)).toMatchObject({
      colour: null,
    });
  });

  it("lets a module's client add settings to its own calls and to no other's", async () => {
    const { probe } = open().withActor({ actorId: "a" });
    const red = probe.withSettings({ colour: "red" });
    const { colour, actorId } = await whoami(red);
    expect([colour, actorId, (await whoami(probe)).colour]).toEqual(["red", "a", null]);
    expect(await whoami(red.withSettings({ colour: undefined }))).toMatchObject({ colour: null });
  });

  it.each([
    "",
    "'",
    '"',
    "\\",
    "ä€𝄞",
    "a\nb\tc",
    "${1} $1 %s",
    "{a,b}",
    "null",
    " ",
    "x".repeat(5000),
  ])("reaches the function as it was given: %j", async (text) => {
    const told = await whoami(
      open({ namespace: text }).withActor({ actorId: text, reason: text }).probe,
    );
    expect(told).toMatchObject({
      nameSpace: text,
      tenantId: text || null,
      actorId: text || null,
      reason: text || null,
    });
  });

  it.each(["Upper", "with-dash", "", "1st", "tenant_id", "maintenance", "a.b"])(
    "refuses a setting called '%s'",
    async (name) => {
      await expect(whoami(open().withSettings({ [name]: "on" }).probe)).rejects.toMatchObject({
        module: "core",
        code: "VAL_SETTING_NAME",
        sqlstate: "22023",
      });
    },
  );

  it("does not turn one tenant's rows into another's under row level security", async () => {
    const [acme, globex] = [open({ namespace: "notes-acme" }), open({ namespace: "notes-globex" })];
    await acme.probe.value("probe.add_note", { p_id: "1", p_body: "acme's" }, as());
    await globex.probe.value("probe.add_note", { p_id: "1", p_body: "globex's" }, as());
    const bodies = async (postkit: typeof acme) =>
      (await postkit.probe.rows("probe.list_notes", {}, as<{ body: string }>())).map(
        ({ body }) => body,
      );
    expect(await bodies(acme)).toEqual(["acme's"]);
    expect(await bodies(globex)).toEqual(["globex's"]);
  });
});

describe("the answer of a call", () => {
  it("comes with keys in camelCase and values untouched", async () => {
    const [row] = await open().probe.rows("probe.whoami", {}, as<Record<string, unknown>>());
    expect(Object.keys(row ?? {})).toEqual([
      "nameSpace",
      "tenantId",
      "actorId",
      "requestId",
      "onBehalfOf",
      "reason",
      "colour",
      "backendPid",
    ]);
  });

  it("is one value or null", async () => {
    const postkit = open();
    expect(await postkit.probe.value("probe.echo", { p_text: "a" }, z.string())).toBe("a");
    expect(
      await postkit.probe.value("probe.echo", { p_text: null }, z.string().nullable()),
    ).toBeNull();
  });

  it("leaves an argument to its default when it is undefined, and sends null as null", async () => {
    const postkit = open({ namespace: "defaults" });
    await postkit.probe.value("probe.add_note", { p_id: "1", p_body: undefined }, as());
    await postkit.probe.value("probe.add_note", { p_id: "2", p_body: null }, as());
    const notes = await postkit.probe.rows("probe.list_notes", {}, as<{ body: string | null }>());
    expect(notes.map(({ body }) => body)).toEqual(["no body", null]);
  });

  it("of another shape than expected is told as that, with the schema's error as cause", async () => {
    const shape = {
      module: "core",
      code: "SYS_RESULT_SHAPE",
      sqlstate: "42804",
      message: expect.stringContaining("probe."),
      cause: expect.any(z.ZodError),
    };
    await expect(
      open().probe.value("probe.echo", { p_text: "a" }, z.number()),
    ).rejects.toMatchObject(shape);
    await expect(
      open().probe.rows("probe.whoami", {}, z.object({ tenantId: z.number() })),
    ).rejects.toMatchObject(shape);
  });
});

describe("text that PostgreSQL cannot store", () => {
  it.each(["a\0b", "\ud800", "a\udc00b"])(
    "is refused before it is sent, and no connection is lost: %j",
    async (text) => {
      await using postkit = createPostkit({
        connectionString: db.appUrl,
        pool: { max: 1 },
        modules: { probe },
      });
      const { backendPid } = await whoami(postkit.probe);
      const refused = { module: "core", code: "VAL_TEXT_ENCODING", sqlstate: "22021" };

      await expect(postkit.probe.value("probe.echo", { p_text: text }, as())).rejects.toMatchObject(
        refused,
      );
      await expect(
        postkit.probe.value("probe.echo", { p_text: json({ text }) }, as()),
      ).rejects.toMatchObject(refused);
      await expect(whoami(postkit.withNamespace(text).probe)).rejects.toMatchObject(refused);
      await expect(whoami(postkit.withActor({ actorId: text }).probe)).rejects.toMatchObject(
        refused,
      );
      expect((await whoami(postkit.probe)).backendPid).toBe(backendPid);
    },
  );
});

describe("onQuery", () => {
  it("is told of each call's name, time and rows", async () => {
    const events: QueryEvent[] = [];
    const postkit = open({ namespace: "observed", onQuery: (event) => events.push(event) });
    await postkit.probe.value("probe.add_note", { p_id: "1" }, as());
    await postkit.probe.rows("probe.list_notes", {}, as());
    await postkit.withNamespace("nobody").probe.rows("probe.list_notes", {}, as());
    await postkit.transaction((tx) => tx.authz.check("user:a", "read", "doc:1"));

    expect(events).toEqual([
      { name: "probe.add_note", durationMs: expect.any(Number), rowCount: 1 },
      { name: "probe.list_notes", durationMs: expect.any(Number), rowCount: 1 },
      { name: "probe.list_notes", durationMs: expect.any(Number), rowCount: 0 },
      { name: "authz.check", durationMs: expect.any(Number), rowCount: 1 },
    ]);
    for (const { durationMs } of events) expect(durationMs).toBeGreaterThan(0);
  });

  it("is told of a failure with the error that the caller gets", async () => {
    const events: QueryEvent[] = [];
    const postkit = open({ onQuery: (event) => events.push(event) });
    const thrown: unknown = await postkit.probe
      .value("probe.refuse", {}, as())
      .catch((error: unknown) => error);
    const refused: unknown = await postkit.probe
      .value("probe.echo", { p_text: "\0" }, as())
      .catch((error: unknown) => error);

    expect(events).toEqual([
      { name: "probe.refuse", durationMs: expect.any(Number), error: thrown },
      { name: "probe.echo", durationMs: expect.any(Number), error: refused },
    ]);
    expect(events[0]?.error).toBe(thrown);
  });

  it("does not make a call fail by throwing", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const postkit = open({
      onQuery: () => {
        throw new Error("the hook is broken");
      },
    });
    expect(await postkit.probe.value("probe.echo", { p_text: "a" }, as())).toBe("a");
    expect((await warned).message).toContain("the hook is broken");
  });

  it("does not end the process by failing later", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const broken = (): unknown => Promise.reject(new Error("the hook is broken"));
    const postkit = open({ onQuery: broken });
    expect(await postkit.probe.value("probe.echo", { p_text: "a" }, as())).toBe("a");
    expect(await warned).toMatchObject({
      code: "ON_QUERY",
      message: expect.stringContaining("the hook is broken"),
    });
  });
});

describe("prepare", () => {
  it("prepares a statement once on a connection and runs it by name after", async () => {
    await using proxy = await startProxy(db.appUrl);
    await using postkit = createPostkit({
      connectionString: proxy.url,
      pool: { max: 1 },
      prepare: true,
      namespace: "acme",
      modules: { probe, authz },
    });
    for (let call = 0; call < 8; call += 1) {
      expect(
        await postkit.withNamespace(`t${call}`).authz.check("user:a", "read", `doc:${call}`),
      ).toBe(false);
    }
    expect(proxy.clientMessages()).toMatchObject({ P: 1, B: 8, E: 8 });
    const { rows } = await postkit.pool.query<{ name: string; calls: number }>(
      "select name, (generic_plans + custom_plans)::int as calls from pg_prepared_statements",
    );
    expect(rows).toEqual([{ name: expect.stringMatching(/^postkit_[0-9a-f]+$/), calls: 8 }]);
  });

  it("gives each tenant and actor its own answer, in transactions too", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      prepare: true,
      modules: { probe },
    });
    for (const name of ["a", "b", "a"]) {
      const acting = postkit.withNamespace(name).withActor({ actorId: name });
      expect(await whoami(acting.probe)).toMatchObject({ tenantId: name, actorId: name });
      await acting.transaction(async (tx) => {
        expect(await whoami(tx.probe)).toMatchObject({ tenantId: name, actorId: name });
      });
    }
  });

  it("is off by default: nothing stays prepared on the connection", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      modules: { probe },
    });
    await whoami(postkit.probe);
    expect((await postkit.pool.query("select name from pg_prepared_statements")).rows).toEqual([]);
  });
});

describe("createPostkit", () => {
  it("refuses contradicting options and names that a handle has already", () => {
    const refused = expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" });
    expect(() => createPostkit({ db: db.app, connectionString: db.appUrl, modules: {} })).toThrow(
      refused,
    );
    expect(() => createPostkit({ db: db.app, pool: { max: 1 }, modules: {} })).toThrow(refused);
    for (const name of ["transaction", "pool", "close", "query", "namespace", "on"]) {
      expect(() => createPostkit({ db: db.app, modules: { [name]: probe } })).toThrow(refused);
    }
    expect(() =>
      createPostkit({ db: db.app, modules: {}, namespace: 7 as unknown as string }),
    ).toThrow(refused);
    expect(() => open().withNamespace(undefined as unknown as string)).toThrow(refused);
  });

  it("lets a module have any name on the handle", async () => {
    const postkit = createPostkit({
      db: db.app,
      namespace: "acme",
      modules: { permissions: authz },
    });
    expect(await postkit.permissions.check("user:a", "read", "doc:1")).toBe(false);
  });

  it("lists its modules and builds each client once", () => {
    const postkit = open();
    expect(Object.keys(postkit)).toEqual(expect.arrayContaining(["probe", "authz"]));
    expect(postkit.authz).toBe(postkit.authz);
  });

  it("ends the pool that it opened, more than once if asked, and leaves a given one", async () => {
    const own = createPostkit({ connectionString: db.appUrl, modules: { probe } });
    await whoami(own.probe);
    await Promise.all([own.close(), own.withNamespace("other").close()]);
    expect(own.pool.ended).toBe(true);

    const given = open();
    await given.close();
    await given[Symbol.asyncDispose]();
    expect(db.app.ended).toBe(false);
    expect(await whoami(given.probe)).toMatchObject({ tenantId: "acme" });
  });

  it("passes pool settings through to pg", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 3, application_name: "shop", options: "-c statement_timeout=1234" },
      modules: { probe },
    });
    expect(postkit.pool.options.max).toBe(3);
    const { rows } = await postkit.pool.query(
      "select current_setting('application_name') as name, current_setting('statement_timeout') as timeout",
    );
    expect(rows).toEqual([{ name: "shop", timeout: "1234ms" }]);
  });
});
