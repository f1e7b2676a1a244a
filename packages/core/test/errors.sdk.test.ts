import { readdir, readFile } from "node:fs/promises";

import { authz } from "@postkit/authz";
import { createPostkit, grantRole, isPostkitError, revokeRole } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { coreErrors, fromCallError } from "../src/errors.ts";
import { as, probe, whoami } from "./support/probe.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe, authz] });
});
afterAll(() => db.drop());

const single = () =>
  createPostkit({
    connectionString: db.appUrl,
    pool: { max: 1 },
    namespace: "acme",
    modules: { probe, authz },
  });

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("an SQL error with a Postkit hint", () => {
  it("reaches the caller as PostkitError with the driver's own error as cause and its message unchanged", async () => {
    await using postkit = single();
    const error = await thrownBy(postkit.probe.value("probe.refuse", {}, as()));

    expect(isPostkitError(error, "probe.BIZ_REFUSED")).toBe(true);
    expect(error).toMatchObject({
      module: "probe",
      code: "BIZ_REFUSED",
      sqlstate: "P0001",
      message: "refused, said the database",
      detail: { field: "p_hint" },
    });
    const { cause } = error as Error;
    expect(cause).toBeInstanceOf(pg.DatabaseError);
    expect(cause).toMatchObject({
      message: "refused, said the database",
      hint: "postkit:probe:BIZ_REFUSED",
      where: expect.any(String),
    });
  });

  it("of a module is the module's own code", async () => {
    await using postkit = single();
    await expect(
      postkit.authz.grant("member", { resource: "team:a", subject: "team:a#member" }),
    ).rejects.toMatchObject({
      module: "authz",
      code: expect.stringMatching(/^BIZ_/),
      sqlstate: "PK001",
    });
    await expect(
      postkit.authz.grant("", { resource: "doc:1", subject: "user:a" }),
    ).rejects.toMatchObject({
      module: "authz",
      code: "VAL_IDENTIFIER_EMPTY",
      sqlstate: "22026",
    });
  });
});

describe("an SQL error without one", () => {
  it.each([
    { what: "a code of PostgreSQL's", hint: "", sqlstate: "23505" },
    {
      what: "a hint of somebody else's",
      hint: "Have you tried turning it off?",
      sqlstate: "P0001",
    },
    { what: "a class that only sounds like a lost connection", hint: "", sqlstate: "08006" },
    { what: "a query that was cancelled", hint: "", sqlstate: "57014" },
  ])("passes through untouched: $what", async ({ hint, sqlstate }) => {
    await using postkit = single();
    const error = await thrownBy(
      postkit.probe.value("probe.refuse", { p_hint: hint, p_sqlstate: sqlstate }, as()),
    );
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(isPostkitError(error)).toBe(false);
    expect(error).toMatchObject({
      code: sqlstate,
      message: "refused, said the database",
      severity: "ERROR",
    });
  });

  it("is the very object that the driver threw", async () => {
    const thrown: unknown[] = [];
    const executor = {
      query: async (text: string, values?: unknown[]) => {
        try {
          return await db.app.query(text, values);
        } catch (error) {
          thrown.push(error);
          throw error;
        }
      },
    };
    await using postkit = single();
    const error = await thrownBy(
      postkit.on(executor).probe.value("probe.refuse", { p_hint: "none" }, as()),
    );
    expect(thrown).toHaveLength(1);
    expect(error).toBe(thrown[0]);
  });
});

describe("a call that PostgreSQL itself refuses", () => {
  it.each(["42501", "3F000", "42883"])(
    "is not taken for what a trigger raised with %s, where the driver does not say where",
    (code) => {
      const raised = Object.assign(new pg.DatabaseError("no refunds", 1, "error"), { code });
      expect(fromCallError(raised, "queue.push")).toBe(raised);
    },
  );

  it("for want of a grant says how the role gets it", async () => {
    await using own = await createTestDatabase({ modules: [probe] });
    await revokeRole(own.ownerUrl, { role: own.appRole });
    const postkit = createPostkit({ db: own.app, namespace: "acme", modules: { probe } });
    const refused = {
      module: "core",
      code: "BIZ_NOT_GRANTED",
      sqlstate: "42501",
      message: expect.stringMatching(/^probe\.echo .*permission denied.*`postkit grant <role>`/),
      cause: expect.any(pg.DatabaseError),
    };
    const call = () => postkit.probe.value("probe.echo", { p_text: "a" }, as());
    await expect(call()).rejects.toMatchObject(refused);
    await expect(
      postkit.withActor({ actorId: "user:alice" }).probe.value("probe.echo", { p_text: "a" }, as()),
    ).rejects.toMatchObject(refused);
    await own.owner.query(`grant usage on schema probe to ${own.appRole}`);
    await expect(call()).rejects.toMatchObject(refused);
    await expect(
      postkit.transaction((tx) => tx.probe.value("probe.echo", { p_text: "a" }, as())),
    ).rejects.toMatchObject({ code: "BIZ_NOT_GRANTED" });
    await grantRole(own.ownerUrl, { role: own.appRole, kinds: ["app"] });
    expect(await call()).toBe("a");
  });

  it("since the module is not there, or has no such function, says so", async () => {
    await using bare = await createTestDatabase({ modules: [] });
    const postkit = createPostkit({ db: bare.app, namespace: "acme", modules: { probe, authz } });
    await expect(postkit.authz.check("user:a", "read", "doc:a")).rejects.toMatchObject({
      module: "core",
      code: "MIG_NOT_INSTALLED",
      sqlstate: "3F000",
      message: expect.stringMatching(/^authz\.check .*"authz".*`postkit migrate up`/),
      cause: expect.any(pg.DatabaseError),
    });
    await using other = single();
    const args = { p_text: "a", p_new: 1 };
    await expect(other.probe.value("probe.echo", args, as())).rejects.toMatchObject({
      module: "core",
      code: "MIG_BEHIND",
      sqlstate: "42883",
      message: expect.stringMatching(/^probe\.echo .*`postkit migrate up`/),
      cause: expect.any(pg.DatabaseError),
    });
  });

  it.each(["42501", "3F000", "42883"])(
    "passes %s through where a function's body raised it, or the application's own statement",
    async (sqlstate) => {
      await using postkit = single();
      const args = { p_sqlstate: sqlstate, p_hint: "" };
      const raised = await thrownBy(postkit.probe.value("probe.refuse", args, as()));
      expect(raised).toBeInstanceOf(pg.DatabaseError);
      expect(raised).toMatchObject({ code: sqlstate });
      const own = {
        "42501": "select * from pg_authid",
        "3F000": "create table no_such_schema.a ()",
        "42883": "select no_such_function()",
      }[sqlstate];
      const thrown = await thrownBy(postkit.transaction((tx) => tx.query(own ?? "")));
      expect(thrown).toBeInstanceOf(pg.DatabaseError);
      expect(thrown).toMatchObject({ code: sqlstate });
    },
  );
});

describe("a failed statement", () => {
  it("does not cost the connection", async () => {
    await using postkit = single();
    const { backendPid } = await whoami(postkit.probe);
    for (const args of [
      {},
      { p_hint: "none" },
      { p_sqlstate: "08006", p_hint: "" },
      { p_sqlstate: "57P01", p_hint: "" },
    ]) {
      await expect(postkit.probe.value("probe.refuse", args, as())).rejects.toThrow();
      expect([postkit.pool.totalCount, postkit.pool.idleCount]).toEqual([1, 1]);
    }
    await expect(postkit.probe.value("probe.nothing_like_that", {}, as())).rejects.toMatchObject({
      code: "MIG_BEHIND",
    });
    expect((await whoami(postkit.probe)).backendPid).toBe(backendPid);
  });

  it("does not cost the connection of a transaction that it rolls back", async () => {
    await using postkit = single();
    const { backendPid } = await whoami(postkit.probe);
    await expect(
      postkit.transaction((tx) => tx.probe.value("probe.refuse", {}, as())),
    ).rejects.toMatchObject({
      code: "BIZ_REFUSED",
    });
    expect((await whoami(postkit.probe)).backendPid).toBe(backendPid);
  });

  it("does not cost the connections of a given pool, two hundred times in parallel", async () => {
    const pool = new pg.Pool({ connectionString: db.appUrl, max: 4 });
    try {
      const postkit = createPostkit({ db: pool, modules: { probe } });
      const pids = async () =>
        new Set(
          (await Promise.all(Array.from({ length: 40 }, () => whoami(postkit.probe)))).map(
            ({ backendPid }) => backendPid,
          ),
        );
      const before = await pids();
      const results = await Promise.allSettled(
        Array.from({ length: 200 }, () => postkit.probe.value("probe.refuse", {}, as())),
      );
      expect(results.every(({ status }) => status === "rejected")).toBe(true);
      expect(pool.totalCount).toBe(before.size);
      for (const pid of await pids()) expect(before).toContain(pid);
    } finally {
      await pool.end();
    }
  });
});

it("every code that core's SQL raises is in its registry, with its SQLSTATE", async () => {
  const folder = new URL("../sql/", import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((file) =>
    file.endsWith(".sql"),
  );
  const raised = new Map<string, string>();
  for (const file of files) {
    const text = await readFile(new URL(file, folder), "utf8");
    for (const [, sqlstate = "", code = ""] of text.matchAll(
      /errcode = '(\w{5})', hint = 'postkit:core:(\w+)'/g,
    )) {
      raised.set(code, sqlstate);
    }
  }
  expect(raised.size).toBeGreaterThan(0);
  for (const [code, sqlstate] of raised) expect(coreErrors).toHaveProperty(code, sqlstate);
});
