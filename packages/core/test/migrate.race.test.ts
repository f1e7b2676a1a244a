import { authz } from "@postkit/authz";
import { migrate } from "@postkit/core";
import {
  createTestDatabase,
  pgbouncerAvailable,
  race,
  startPgbouncer,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { loggedSteps, schemasOf } from "./support/catalog.ts";
import { compileCore, type CompiledCore } from "./support/child-program.ts";
import { fixtureModule, threeTables } from "./support/fixture-module.ts";

const shop = threeTables("shop");
const starters = 20;

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

const advisoryLocks = async () => {
  const { rows } = await db.super.query<{ pid: number }>(
    `select l.pid from pg_locks l where l.locktype = 'advisory'
       and l.database = (select d.oid from pg_database d where d.datname = current_database())`,
  );
  return rows;
};

describe("twenty processes that migrate an empty database at once", () => {
  let core: CompiledCore;
  beforeAll(async () => {
    core = await compileCore();
  });
  afterAll(() => core[Symbol.asyncDispose]());

  const expectOneToApply = async (url: string) => {
    const processes = Array.from({ length: starters }, () => core.migrate(url, shop));
    const results = await Promise.all(processes.map(({ ended }) => ended));

    expect(results.filter(({ code }) => code !== 0)).toEqual([]);
    const applied = results.flatMap((result) => result.applied);
    expect(applied.toSorted()).toEqual(["0001_step", "0002_step", "0003_step"]);
    expect(await loggedSteps(db.owner)).toEqual([
      "shop 0001_step up",
      "shop 0002_step up",
      "shop 0003_step up",
    ]);
    expect(await advisoryLocks()).toEqual([]);
  };

  it("all succeed, and each step is applied once", async () => {
    await expectOneToApply(db.ownerUrl);
  });

  it.skipIf(!pgbouncerAvailable())(
    "all succeed through a pooler in transaction mode with four connections",
    async () => {
      await using pooler = await startPgbouncer(db.superUrl, { poolSize: 4 });
      await expectOneToApply(pooler.url(db.name, db.ownerRole));
    },
  );
});

describe("starters in one process", () => {
  it("apply several modules once, whichever of them they know", async () => {
    const results = await race(starters, (index) =>
      migrate(db.ownerUrl, {
        modules: index % 2 === 0 ? [shop, authz] : [authz],
        grantTo: [db.appRole],
      }),
    );

    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    expect((await loggedSteps(db.owner)).toSorted()).toEqual([
      ...authz.migrations.map(({ name }) => `authz ${name} up`),
      "shop 0001_step up",
      "shop 0002_step up",
      "shop 0003_step up",
    ]);
    expect(await advisoryLocks()).toEqual([]);
  });

  it("take a step back once when they name where to stop", async () => {
    await migrate(db.owner, { modules: [shop] });
    const results = await race(8, () =>
      migrate(db.ownerUrl, { modules: [shop], direction: "down", to: "2" }),
    );

    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(await loggedSteps(db.owner)).toHaveLength(4);
  });

  it("see a schema and its history from the same moment while others go up and down", async () => {
    await migrate(db.owner, { modules: [shop], to: "1" });
    const rounds = 15;
    const results = await race(4, async (index) => {
      for (let round = 0; round < rounds; round += 1) {
        const direction = (index + round) % 2 === 0 ? "up" : "down";
        await migrate(db.owner, { modules: [shop], direction, to: direction === "up" ? "1" : "0" });
      }
    });
    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
  });
});

describe("while another holds the migration lock", () => {
  const blocked = fixtureModule("blocked", {
    steps: [["create schema blocked; select pg_advisory_xact_lock(4711);", "drop schema blocked;"]],
  });
  let gate: pg.Client;
  let migrating: Promise<unknown>;

  beforeEach(async () => {
    gate = new pg.Client({ connectionString: db.ownerUrl });
    await gate.connect();
    await gate.query("select pg_advisory_lock(4711)");
    migrating = migrate(db.ownerUrl, { modules: [blocked] });
    await waitFor(
      async () => {
        const { rowCount } = await db.super.query(
          "select from pg_locks where locktype = 'advisory' and not granted",
        );
        return rowCount;
      },
      { what: "the step to wait at the gate" },
    );
  });
  afterEach(async () => {
    await gate.end();
    await migrating;
  });

  it("gives up after the time-out and names the holder", async () => {
    const { rows } = await db.super.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'postkit-migrate' and datname = current_database()",
    );
    const failure: unknown = await migrate(db.ownerUrl, {
      modules: [shop],
      lockTimeoutMs: 150,
    }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "MIG_LOCK_TIMEOUT",
      sqlstate: "55P03",
      detail: { pid: rows[0]?.pid },
    });
    expect((failure as Error).message).toContain("150 ms");
    expect((failure as Error).message).toContain(
      `pid ${rows[0]?.pid} (role ${db.ownerRole}, application postkit-migrate`,
    );
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("gives up at once with a time-out of zero", async () => {
    await expect(migrate(db.ownerUrl, { modules: [shop], lockTimeoutMs: 0 })).rejects.toMatchObject(
      {
        code: "MIG_LOCK_TIMEOUT",
      },
    );
  });

  it("goes on when the other is done, and sees what it did", async () => {
    const waiting = migrate(db.ownerUrl, { modules: [blocked, shop] });
    await gate.query("select pg_advisory_unlock(4711)");

    const { steps } = await waiting;
    expect(steps.map(({ module }) => module)).toEqual(["shop", "shop", "shop"]);
    expect(await advisoryLocks()).toEqual([]);
  });

  it("needs no lock when nothing is pending for it, and none to look", async () => {
    expect(await migrate(db.ownerUrl, { modules: [shop], dryRun: true })).toMatchObject({
      dryRun: true,
    });
  });
});
