import { migrate, status } from "@postkit/core";
import { createTestDatabase, startProxy, type TestDatabase, waitFor } from "@postkit/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { catalogOf, loggedSteps, schemasOf } from "./support/catalog.ts";
import { compileCore, type CompiledCore } from "./support/child-program.ts";
import { threeTables, withStep } from "./support/fixture-module.ts";

const shop = threeTables("shop");
/** Waits in its second step until nobody holds the gate. */
const gated = withStep(shop, 2, {
  up: "create table shop.two (id int primary key, note text);\nselect pg_advisory_xact_lock(4711);",
});

let db: TestDatabase;
let gate: pg.Client;
beforeEach(async () => {
  db = await createTestDatabase();
  gate = new pg.Client({ connectionString: db.ownerUrl });
  await gate.connect();
  await gate.query("select pg_advisory_lock(4711)");
});
afterEach(async () => {
  await gate.end();
  await db.drop();
});

/** The backend that has come to the gate. */
const backendAtGate = () =>
  waitFor(
    async () => {
      const { rows } = await db.super.query<{ pid: number }>(
        `select l.pid from pg_locks l where l.locktype = 'advisory' and not l.granted
           and l.database = (select d.oid from pg_database d where d.datname = current_database())`,
      );
      return rows[0]?.pid;
    },
    { what: "a step to wait at the gate" },
  );

const backendGone = (pid: number) =>
  waitFor(
    async () => {
      const { rowCount } = await db.super.query("select from pg_stat_activity where pid = $1", [
        pid,
      ]);
      return rowCount === 0;
    },
    { what: "the backend to end" },
  );

const openGate = () => gate.query("select pg_advisory_unlock(4711)");

describe("a process that is killed half-way", () => {
  let core: CompiledCore;
  beforeAll(async () => {
    core = await compileCore();
  });
  afterAll(() => core[Symbol.asyncDispose]());

  it("leaves an empty database empty, and the next one migrates", async () => {
    const child = core.migrate(db.ownerUrl, gated);
    const pid = await backendAtGate();
    await child.kill();
    await openGate();
    await backendGone(pid);

    expect(await schemasOf(db.owner)).toEqual([]);
    expect((await core.migrate(db.ownerUrl, gated).ended).applied).toEqual([
      "0001_step",
      "0002_step",
      "0003_step",
    ]);
    expect(await status(db.owner, { modules: [gated] })).toMatchObject([{ state: "up-to-date" }]);
  });

  it("leaves what was there, and the next one goes on from it", async () => {
    await migrate(db.owner, { modules: [gated], to: "1" });
    const before = await catalogOf(db.owner);
    const child = core.migrate(db.ownerUrl, gated);
    const pid = await backendAtGate();
    await child.kill();
    await openGate();
    await backendGone(pid);

    expect(await catalogOf(db.owner)).toEqual(before);
    expect((await migrate(db.owner, { modules: [gated] })).steps).toHaveLength(2);
  });

  it("does not keep the next one waiting for longer than its connection lives", async () => {
    const child = core.migrate(db.ownerUrl, gated);
    await backendAtGate();
    const next = migrate(db.ownerUrl, { modules: [shop] });
    await child.kill();
    await openGate();
    expect((await next).steps).toHaveLength(3);
    expect(await loggedSteps(db.owner)).toHaveLength(3);
  });
});

describe("a connection that is lost half-way", () => {
  it("fails the call, names the step, and leaves the database as it was", async () => {
    const migrating = migrate(db.ownerUrl, { modules: [gated] });
    const failure = expect(migrating).rejects.toMatchObject({
      module: "core",
      code: "MIG_FAILED",
      detail: { module: "shop", file: "migrations/shop/0002_step.up.sql" },
    });
    await db.super.query("select pg_terminate_backend($1)", [await backendAtGate()]);
    await failure;

    await openGate();
    expect(await schemasOf(db.owner)).toEqual([]);
    expect((await migrate(db.ownerUrl, { modules: [gated] })).steps).toHaveLength(3);
  });

  it("does not stay in the caller's pool, which goes on", async () => {
    await using proxy = await startProxy(db.ownerUrl);
    const pool = new pg.Pool({ connectionString: proxy.url, max: 1 });
    pool.on("error", () => {});
    try {
      const failure = expect(migrate(pool, { modules: [gated] })).rejects.toMatchObject({
        code: "MIG_FAILED",
      });
      const pid = await backendAtGate();
      proxy.cut();
      await failure;
      expect(pool.totalCount).toBe(0);

      await openGate();
      await backendGone(pid);
      expect((await migrate(pool, { modules: [gated] })).steps).toHaveLength(3);
    } finally {
      await pool.end();
    }
  });
});

it("a database that cannot be reached is told as such", async () => {
  const nobody = "postgres://postkit@127.0.0.1:1/nothing";
  const failed = { module: "core", code: "SYS_CONNECTION_FAILED" };
  await expect(migrate(nobody, { modules: [shop] })).rejects.toMatchObject(failed);
  await expect(status(nobody, { modules: [shop] })).rejects.toMatchObject(failed);
});
