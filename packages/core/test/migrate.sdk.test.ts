import { authz } from "@postkit/authz";
import { createPostkit, migrate, plan, status } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { catalogOf, loggedSteps, schemasOf } from "./support/catalog.ts";
import {
  fixtureModule,
  grantFunction,
  stepName,
  threeTables,
  withStep,
} from "./support/fixture-module.ts";

const shop = threeTables("shop");
const till = threeTables("till");

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

const tablesOf = async (schema: string) => {
  const { rows } = await db.super.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = $1 order by 1",
    [schema],
  );
  return rows.map(({ name }) => name);
};

describe("migrate up", () => {
  it("applies every step of every module in order and tells which", async () => {
    const result = await migrate(db.owner, { modules: [shop, till] });

    const step = (module: string, number: number) => ({
      module,
      name: stepName(number),
      direction: "up",
      file: `migrations/${module}/${stepName(number)}.up.sql`,
      durationMs: expect.any(Number),
    });
    expect(result).toEqual({
      dryRun: false,
      steps: [
        step("shop", 1),
        step("shop", 2),
        step("shop", 3),
        step("till", 1),
        step("till", 2),
        step("till", 3),
      ],
    });
    expect(await tablesOf("shop")).toEqual(["one", "three", "two"]);
    expect(await loggedSteps(db.owner)).toHaveLength(6);
  });

  it("does nothing the second time", async () => {
    await migrate(db.owner, { modules: [shop] });
    const before = await catalogOf(db.owner);

    expect(await migrate(db.owner, { modules: [shop] })).toEqual({ dryRun: false, steps: [] });
    expect(await catalogOf(db.owner)).toEqual(before);
    expect(await loggedSteps(db.owner)).toHaveLength(3);
  });

  it("logs who applied which version of the package, with both checksums", async () => {
    await migrate(db.owner, { modules: [{ ...shop, version: "1.2.3" }] });

    const { rows } = await db.owner.query(
      "select * from postkit.migration_log order by id limit 1",
    );
    expect(rows[0]).toMatchObject({
      module: "shop",
      name: "0001_step",
      direction: "up",
      package_version: "1.2.3",
      applied_by: db.ownerRole,
      applied_at: expect.any(Date),
      up_checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      down_checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const { rows: versions } = await db.owner.query(
      "select module, version, package_version from postkit.schema_versions",
    );
    expect(versions).toEqual([{ module: "shop", version: "0003_step", package_version: "1.2.3" }]);
  });

  it("takes a connection string, a configuration, a pool, a pool's client and a client, and leaves those given open", async () => {
    await migrate(db.ownerUrl, { modules: [shop], to: "1" });
    await migrate({ connectionString: db.ownerUrl }, { modules: [shop], to: "2" });
    const client = await db.owner.connect();
    try {
      await migrate(client, { modules: [shop], to: "3" });
      await client.query("select 1");
    } finally {
      client.release();
    }
    await migrate(db.owner, { modules: [shop], direction: "down" });
    expect(db.owner.ended).toBe(false);
    await using postkit = createPostkit({ db: db.owner, modules: { shop } });
    expect((await postkit.migrate()).steps).toHaveLength(1);
    expect(await tablesOf("shop")).toEqual(["one", "three", "two"]);
  });

  it("refuses a connection that is inside a transaction", async () => {
    const client = await db.owner.connect();
    try {
      await client.query("begin");
      await expect(migrate(client, { modules: [shop] })).rejects.toMatchObject({
        module: "core",
        code: "VAL_ARGUMENT",
      });
      await client.query("rollback");
    } finally {
      client.release();
    }
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("leaves no setting behind on the caller's connection", async () => {
    const client = await db.owner.connect();
    try {
      const settings = "select name, setting from pg_settings where source = 'session' order by 1";
      const before = await client.query(settings);
      await migrate(client, { modules: [shop] });
      expect((await client.query(settings)).rows).toEqual(before.rows);
    } finally {
      client.release();
    }
  });

  it("tells before each step which comes, and of how many", async () => {
    const told: unknown[] = [];
    await migrate(db.owner, { modules: [shop], onStep: (step) => told.push(step) });
    await migrate(db.owner, {
      modules: [shop],
      direction: "down",
      onStep: (step) => told.push(step),
    });

    expect(told).toEqual([
      { module: "shop", name: "0001_step", direction: "up", index: 0, total: 3 },
      { module: "shop", name: "0002_step", direction: "up", index: 1, total: 3 },
      { module: "shop", name: "0003_step", direction: "up", index: 2, total: 3 },
      { module: "shop", name: "0003_step", direction: "down", index: 0, total: 1 },
    ]);
  });

  it("changes nothing when the progress hook throws", async () => {
    const stop = new Error("stop");
    const onStep = ({ index }: { index: number }) => {
      if (index === 2) throw stop;
    };
    await expect(migrate(db.owner, { modules: [shop], onStep })).rejects.toBe(stop);
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("reads committed data under the lock, whatever the database's default isolation is", async () => {
    await db.owner.query(
      `alter database ${db.name} set default_transaction_isolation = 'serializable'`,
    );
    const isolation = fixtureModule("isolation", {
      steps: [
        [
          "create schema isolation; create table isolation.seen as select current_setting('transaction_isolation') as level",
          "",
        ],
      ],
    });

    await migrate(db.ownerUrl, { modules: [isolation] });
    expect((await db.owner.query("select level from isolation.seen")).rows).toEqual([
      { level: "read committed" },
    ]);
  });

  it("runs a step with no schema but pg_catalog on its search path, and no statement time-out", async () => {
    await db.owner.query(`alter database ${db.name} set statement_timeout = '1ms'`);
    const path = fixtureModule("path", {
      steps: [
        [
          `create schema path; create table path.seen as
             select current_setting('search_path') as search_path, current_setting('statement_timeout') as timeout`,
          "",
        ],
      ],
    });
    const pool = db.owner;
    // The first, reading look is the caller's business; here it would time out.
    await pool.query("set statement_timeout = 0");
    await migrate(pool, { modules: [path] });
    expect((await pool.query("select * from path.seen")).rows).toEqual([
      { search_path: "pg_catalog, pg_temp", timeout: "0" },
    ]);
  });
});

describe("a step that fails", () => {
  const broken = withStep(till, 2, { up: "create table till.two (id int);\nselect 1/0;" });

  it("leaves nothing of any module of the call, and names module, file and PostgreSQL's error", async () => {
    const failure: unknown = await migrate(db.owner, { modules: [shop, broken] }).catch(
      (error: unknown) => error,
    );

    expect(failure).toMatchObject({
      module: "core",
      code: "MIG_FAILED",
      sqlstate: "22012",
      detail: { module: "till", file: "migrations/till/0002_step.up.sql" },
      cause: { code: "22012", message: "division by zero", severity: "ERROR" },
    });
    expect((failure as Error).message).toContain("till");
    expect((failure as Error).message).toContain("migrations/till/0002_step.up.sql");
    expect((failure as Error).message).toContain("division by zero");
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("leaves what an earlier call applied", async () => {
    await migrate(db.owner, { modules: [shop] });
    const before = await catalogOf(db.owner);

    await expect(migrate(db.owner, { modules: [shop, broken] })).rejects.toMatchObject({
      code: "MIG_FAILED",
    });
    expect(await catalogOf(db.owner)).toEqual(before);
    expect(await loggedSteps(db.owner)).toHaveLength(3);
  });

  it("shows the first lines of a long detail", async () => {
    const detail = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`).join("\n");
    const talkative = withStep(till, 1, {
      up: `do $$ begin raise exception 'no' using detail = '${detail}'; end $$;`,
    });
    const failure: unknown = await migrate(db.owner, { modules: [talkative] }).catch(
      (error: unknown) => error,
    );
    expect((failure as Error).message).toMatch(/: no\nline 1\n(line \d+\n)+… and \d+ more$/);
  });

  it("does not cost the caller's connection, and a mended step applies", async () => {
    const client = await db.owner.connect();
    try {
      await expect(migrate(client, { modules: [broken] })).rejects.toMatchObject({
        code: "MIG_FAILED",
      });
      await migrate(client, { modules: [till] });
    } finally {
      client.release();
    }
    expect(await tablesOf("till")).toEqual(["one", "three", "two"]);
  });

  it("is refused when it cannot run in a transaction", async () => {
    const concurrent = withStep(shop, 2, { up: "create index concurrently on shop.one (id);" });
    await expect(migrate(db.owner, { modules: [concurrent] })).rejects.toMatchObject({
      code: "MIG_FAILED",
      sqlstate: "25001",
    });
    expect(await schemasOf(db.owner)).toEqual([]);
  });
});

describe("migrate down", () => {
  beforeEach(() => migrate(db.owner, { modules: [shop, till] }));

  it("takes back one step of the one module it is told", async () => {
    const { steps } = await migrate(db.owner, {
      modules: [shop, till],
      only: ["shop"],
      direction: "down",
    });

    expect(steps).toEqual([
      {
        module: "shop",
        name: "0003_step",
        direction: "down",
        file: "migrations/shop/0003_step.down.sql",
        durationMs: expect.any(Number),
      },
    ]);
    expect(await tablesOf("shop")).toEqual(["one", "two"]);
    expect(await tablesOf("till")).toEqual(["one", "three", "two"]);
  });

  it("wants the module named when there are several", async () => {
    await expect(
      migrate(db.owner, { modules: [shop, till], direction: "down" }),
    ).rejects.toMatchObject({
      code: "VAL_ARGUMENT",
    });
    await expect(
      migrate(db.owner, { modules: [shop, till], direction: "down", to: "0", count: 1 }),
    ).rejects.toMatchObject({ code: "VAL_ARGUMENT" });
    expect(await loggedSteps(db.owner)).toHaveLength(6);
  });

  it("takes the modules in the opposite order when a count says how far", async () => {
    const { steps } = await migrate(db.owner, {
      modules: [shop, till],
      direction: "down",
      count: Infinity,
      allowDataLoss: true,
    });
    expect(steps.map(({ module, name }) => `${module} ${name}`)).toEqual([
      "till 0003_step",
      "till 0002_step",
      "till 0001_step",
      "shop 0003_step",
      "shop 0002_step",
      "shop 0001_step",
    ]);
    expect(await schemasOf(db.owner)).toEqual(["postkit"]);
  });

  it("refuses a step that destroys data until that is allowed", async () => {
    await db.owner.query("insert into shop.two values (1, 'kept')");
    const down = { modules: [shop], direction: "down", to: "1" } as const;

    await expect(migrate(db.owner, down)).rejects.toMatchObject({
      code: "MIG_DATA_LOSS",
      message: expect.stringContaining("every row of shop.two"),
      detail: {
        module: "shop",
        file: "migrations/shop/0002_step.down.sql",
        destroys: "every row of shop.two",
      },
    });
    expect(await tablesOf("shop")).toEqual(["one", "three", "two"]);
    expect((await db.owner.query("select note from shop.two")).rows).toEqual([{ note: "kept" }]);

    await migrate(db.owner, { ...down, allowDataLoss: true });
    expect(await tablesOf("shop")).toEqual(["one"]);
  });

  it("leaves all as it was when a view of the user stands in the way", async () => {
    await db.owner.query("create schema mine; create view mine.ids as select id from shop.one");
    const before = await catalogOf(db.owner);

    await expect(
      migrate(db.owner, { modules: [shop], direction: "down", to: "0", allowDataLoss: true }),
    ).rejects.toMatchObject({
      code: "MIG_FAILED",
      sqlstate: "2BP01",
      message: expect.stringContaining("view mine.ids depends on table shop.one") as string,
      detail: { module: "shop", file: "migrations/shop/0001_step.down.sql" },
    });
    expect(await catalogOf(db.owner)).toEqual(before);
    expect(await loggedSteps(db.owner)).toHaveLength(6);
  });

  it("does nothing when there is nothing to take back", async () => {
    await migrate(db.owner, { modules: [shop], direction: "down", to: "0", allowDataLoss: true });
    expect(await migrate(db.owner, { modules: [shop], direction: "down" })).toEqual({
      dryRun: false,
      steps: [],
    });
  });
});

describe("to and count", () => {
  it.each([
    { to: "2", names: [1, 2] },
    { to: "0002", names: [1, 2] },
    { to: "0002_step", names: [1, 2] },
    { to: "0", names: [] },
    { count: 1, names: [1] },
    { count: Infinity, names: [1, 2, 3] },
    { to: "2", count: 1, names: [1] },
    { to: "1", count: 5, names: [1] },
  ])("up with to $to and count $count applies steps $names", async ({ names, ...options }) => {
    const { steps } = await migrate(db.owner, { modules: [shop], ...options });
    expect(steps.map(({ name }) => name)).toEqual(names.map(stepName));
  });

  it.each([
    { to: "2", names: [3] },
    { to: "0001_step", names: [3, 2] },
    { to: "0", names: [3, 2, 1] },
    { to: "3", names: [] },
    { count: 2, names: [3, 2] },
    { count: Infinity, names: [3, 2, 1] },
    { to: "0", count: 1, names: [3] },
    { names: [3] },
  ])("down with to $to and count $count takes back steps $names", async ({ names, ...options }) => {
    await migrate(db.owner, { modules: [shop] });
    const { steps } = await migrate(db.owner, {
      modules: [shop],
      direction: "down",
      allowDataLoss: true,
      ...options,
    });
    expect(steps.map(({ name }) => name)).toEqual(names.map(stepName));
  });

  it("up goes on where it stopped", async () => {
    await migrate(db.owner, { modules: [shop], to: "1" });
    const { steps } = await migrate(db.owner, { modules: [shop] });
    expect(steps.map(({ name }) => name)).toEqual(["0002_step", "0003_step"]);
  });

  it("up counts the steps of each module", async () => {
    const { steps } = await migrate(db.owner, { modules: [shop, till], count: 1 });
    expect(steps.map(({ module, name }) => `${module} ${name}`)).toEqual([
      "shop 0001_step",
      "till 0001_step",
    ]);
  });

  it.each(["4", "0004_step", "9999", "nothing", "-1", ""])(
    "a step called '%s' is unknown",
    async (to) => {
      await expect(migrate(db.owner, { modules: [shop], to })).rejects.toMatchObject({
        code: "MIG_STEP_UNKNOWN",
      });
      expect(await schemasOf(db.owner)).toEqual([]);
    },
  );

  it.each([0, -1, 1.5, Number.NaN])("a count of %s is refused", async (count) => {
    await expect(migrate(db.owner, { modules: [shop], count })).rejects.toMatchObject({
      code: "VAL_ARGUMENT",
    });
  });

  it("to needs one module, and a module must be among those given", async () => {
    await expect(migrate(db.owner, { modules: [shop, till], to: "1" })).rejects.toMatchObject({
      code: "VAL_ARGUMENT",
    });
    await expect(migrate(db.owner, { modules: [shop], only: ["tull"] })).rejects.toMatchObject({
      code: "VAL_ARGUMENT",
      message: expect.stringContaining("tull"),
    });
  });
});

describe("up, down to nothing, up again", () => {
  it("gives equal catalogs with data in the tables, and leaves no schema of the module in between", async () => {
    const postkit = createPostkit({ db: db.owner, namespace: "acme", modules: { authz } });
    const fill = async () => {
      await postkit.authz.grant("admin", { resource: "repo:api", subject: "team:eng#member" });
      await postkit.authz.grant("member", { resource: "team:eng", subject: "user:alice" });
      await postkit.authz.addHierarchy("repo", "admin", "read");
      expect(await postkit.authz.check("user:alice", "read", "repo:api")).toBe(true);
    };
    await postkit.migrate();
    const first = await catalogOf(db.owner);
    await fill();

    await postkit.migrate({ direction: "down", to: "0", allowDataLoss: true });
    expect(await schemasOf(db.owner)).toEqual(["postkit"]);
    expect(await status(db.owner, { modules: [authz] })).toMatchObject([
      { state: "pending", applied: [] },
    ]);

    await postkit.migrate();
    expect(await catalogOf(db.owner)).toEqual(first);
    await fill();
  });
});

describe("dry run, plan and status", () => {
  it("plan and a dry run tell what would run and write nothing", async () => {
    const steps = [
      {
        module: "shop",
        name: "0001_step",
        direction: "up",
        file: "migrations/shop/0001_step.up.sql",
      },
      {
        module: "shop",
        name: "0002_step",
        direction: "up",
        file: "migrations/shop/0002_step.up.sql",
      },
    ];
    expect(await migrate(db.owner, { modules: [shop], to: "2", dryRun: true })).toEqual({
      dryRun: true,
      steps,
    });
    expect(await plan(db.owner, { modules: [shop], to: "2" })).toEqual(steps);
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("a plan down shows what would be destroyed, without leave to do so", async () => {
    await migrate(db.owner, { modules: [shop] });
    expect(await plan(db.owner, { modules: [shop], direction: "down", to: "1" })).toEqual([
      {
        module: "shop",
        name: "0003_step",
        direction: "down",
        file: "migrations/shop/0003_step.down.sql",
      },
      {
        module: "shop",
        name: "0002_step",
        direction: "down",
        file: "migrations/shop/0002_step.down.sql",
        destroys: "every row of shop.two",
      },
    ]);
    expect(await loggedSteps(db.owner)).toHaveLength(3);
  });

  it("a dry run grants nothing", async () => {
    await migrate(db.owner, { modules: [shop] });
    await migrate(db.owner, { modules: [shop], grantTo: [db.appRole], dryRun: true });
    expect((await db.owner.query("select * from postkit.grants")).rows).toEqual([]);
  });

  it("status tells pending, partly applied and up to date", async () => {
    const state = async () => (await status(db.owner, { modules: [shop] }))[0];
    expect(await state()).toEqual({
      module: "shop",
      state: "pending",
      version: undefined,
      applied: [],
      pending: ["0001_step", "0002_step", "0003_step"],
      problem: undefined,
    });

    await migrate(db.owner, { modules: [shop], to: "2" });
    expect(await state()).toMatchObject({
      state: "pending",
      version: "0002_step",
      pending: ["0003_step"],
    });

    await migrate(db.owner, { modules: [shop] });
    expect(await state()).toMatchObject({
      state: "up-to-date",
      version: "0003_step",
      pending: [],
      problem: undefined,
    });
    expect((await state())?.applied[0]).toEqual({
      module: "shop",
      name: "0001_step",
      upChecksum: expect.any(String),
      downChecksum: expect.any(String),
      packageVersion: "1.0.0",
      appliedBy: db.ownerRole,
      appliedAt: expect.any(Date),
    });
  });

  it("works in a database where every transaction is read only", async () => {
    await migrate(db.owner, { modules: [shop], to: "2" });
    await db.owner.query(`alter database ${db.name} set default_transaction_read_only = on`);

    expect(await status(db.ownerUrl, { modules: [shop] })).toMatchObject([{ state: "pending" }]);
    expect(await plan(db.ownerUrl, { modules: [shop] })).toHaveLength(1);
  });

  it("an empty list of modules is up to date once core is there", async () => {
    await migrate(db.owner, { modules: [] });
    expect(await schemasOf(db.owner)).toEqual(["postkit"]);
    expect(await status(db.owner, { modules: [] })).toEqual([]);
    expect(await migrate(db.owner, { modules: [] })).toEqual({ dryRun: false, steps: [] });
  });
});

it("a step may hold what a template language or a loose parser would trip over", async () => {
  const odd = fixtureModule("odd", {
    steps: [
      [
        `create schema odd; ${grantFunction("odd")}
-- Down Migration
create function odd.tell() returns text language plpgsql as $fn$
begin
  -- Up Migration
  return format('%s {brace} $1 :colon \\ ; ''quote''', 'ä€𝄞');
end $fn$;
create table odd."Straße ""x""" ("a'b" text default ';');`,
        "drop schema odd cascade;",
      ],
    ],
  });
  await migrate(db.owner, { modules: [odd] });
  expect((await db.owner.query("select odd.tell() as text")).rows).toEqual([
    { text: "ä€𝄞 {brace} $1 :colon \\ ; 'quote'" },
  ]);
  await migrate(db.owner, { modules: [odd], direction: "down" });
  expect(await schemasOf(db.owner)).toEqual(["postkit"]);
});

it("refuses a database that is not in UTF8 before it writes anything", async () => {
  const name = `${db.name}_latin`;
  await db.super.query(
    `create database ${name} owner ${db.ownerRole} encoding 'LATIN1' locale 'C' template template0`,
  );
  try {
    const url = new URL(db.ownerUrl);
    url.pathname = `/${name}`;
    const modules = [withStep(shop, 1, { up: "-- ∀ namespaces\ncreate schema shop;" })];
    const refusal = {
      code: "MIG_ENCODING",
      sqlstate: "0A000",
      message: expect.stringMatching(/UTF8.*LATIN1/) as string,
    };
    await expect(migrate(url.href, { modules })).rejects.toMatchObject(refusal);
    await expect(plan(url.href, { modules })).rejects.toMatchObject(refusal);
    expect(await status(url.href, { modules })).toMatchObject([{ state: "pending" }]);
  } finally {
    await db.super.query(`drop database ${name} with (force)`);
  }
});
