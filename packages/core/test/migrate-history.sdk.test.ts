import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { authz } from "@postkit/authz";
import { migrate, plan, status, type PostkitModule } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { catalogOf, loggedSteps, schemasOf } from "./support/catalog.ts";
import { threeTables, withStep, withSteps } from "./support/fixture-module.ts";

const shop = threeTables("shop");
const stateOf = async (module: PostkitModule) => (await status(db.owner, { modules: [module] }))[0];

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

describe("an edited step", () => {
  it.each(["up", "down"] as const)(
    "is named when its %s file changed after it was applied",
    async (direction) => {
      await migrate(db.owner, { modules: [shop] });
      const file = `migrations/shop/0002_step.${direction}.sql`;
      const edited = withStep(shop, 2, { [direction]: "select 'edited';" });
      const drift = {
        code: "MIG_DRIFT",
        message: expect.stringContaining(file),
        detail: { module: "shop", file },
      };

      await expect(migrate(db.owner, { modules: [edited] })).rejects.toMatchObject(drift);
      await expect(
        migrate(db.owner, { modules: [edited], direction: "down" }),
      ).rejects.toMatchObject(drift);
      await expect(plan(db.owner, { modules: [edited] })).rejects.toMatchObject(drift);
      expect(await stateOf(edited)).toMatchObject({
        state: "drift",
        problem: expect.stringContaining(file),
      });
      expect(await loggedSteps(db.owner)).toHaveLength(3);
    },
  );

  it("stops a step that is pending from being applied", async () => {
    await migrate(db.owner, { modules: [shop], to: "2" });
    const before = await catalogOf(db.owner);
    await expect(
      migrate(db.owner, { modules: [withStep(shop, 1, { up: "select 'edited';" })] }),
    ).rejects.toMatchObject({
      code: "MIG_DRIFT",
      detail: { file: "migrations/shop/0001_step.up.sql" },
    });
    expect(await catalogOf(db.owner)).toEqual(before);
  });

  it("may be edited as long as it is pending", async () => {
    await migrate(db.owner, { modules: [shop], to: "2" });
    const edited = withStep(shop, 3, { up: "create table shop.three (id bigint primary key);" });
    expect((await migrate(db.owner, { modules: [edited] })).steps).toHaveLength(1);
  });

  it("is the same step with the line ends of Windows", async () => {
    await migrate(db.owner, { modules: [shop] });
    const crlf = {
      ...shop,
      migrations: shop.migrations.map(({ name, up, down }) => ({
        name,
        up: windows(up),
        down: windows(down),
      })),
    };

    expect(await migrate(db.owner, { modules: [crlf] })).toEqual({ dryRun: false, steps: [] });
    expect(await stateOf(crlf)).toMatchObject({ state: "up-to-date" });
  });
});

describe("a shipped file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "postkit-shipped-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const shipped = () => ({ ...shop, migrationsUrl: pathToFileURL(`${folder}/`) });
  const ship = (name: string, text: string) => writeFile(join(folder, name), text);

  it.each(["up", "down"] as const)(
    "that was edited after the build is named: %s",
    async (direction) => {
      await ship(`0003_step.${direction}.sql`, "select 'edited';");
      const drift = {
        code: "MIG_DRIFT",
        detail: { module: "shop", file: `migrations/shop/0003_step.${direction}.sql` },
      };

      await expect(migrate(db.owner, { modules: [shipped()] })).rejects.toMatchObject(drift);
      expect(await schemasOf(db.owner)).toEqual([]);
    },
  );

  it("that is as it was built, or checked out on Windows, or not there, is fine", async () => {
    await ship("0001_step.up.sql", shop.migrations[0]?.up ?? "");
    await ship("0002_step.up.sql", windows(shop.migrations[1]?.up ?? ""));
    expect((await migrate(db.owner, { modules: [shipped()] })).steps).toHaveLength(3);
  });

  it("does not matter where the package was not read from files", async () => {
    const bundled = { ...shop, migrationsUrl: new URL("https://example.com/migrations/") };
    expect((await migrate(db.owner, { modules: [bundled] })).steps).toHaveLength(3);
  });

  it("that was edited shows in the status", async () => {
    await migrate(db.owner, { modules: [shop] });
    await ship("0001_step.up.sql", "select 'edited';");
    await expect(status(db.owner, { modules: [shipped()] })).resolves.toMatchObject([
      {
        module: "shop",
        state: "drift",
        version: "0003_step",
        problem: expect.stringContaining("0001_step.up.sql"),
      },
    ]);
  });
});

describe("a database that is newer than the code", () => {
  const old = withSteps(shop, 2);
  beforeEach(() => migrate(db.owner, { modules: [shop] }));

  it("is refused by the name of the step that is not known", async () => {
    const ahead = {
      code: "MIG_AHEAD",
      message: expect.stringContaining("migrations/shop/0003_step.up.sql"),
      detail: { module: "shop", steps: ["0003_step"] },
    };
    await expect(migrate(db.owner, { modules: [old] })).rejects.toMatchObject(ahead);
    await expect(migrate(db.owner, { modules: [old], direction: "down" })).rejects.toMatchObject(
      ahead,
    );
    await expect(plan(db.owner, { modules: [old] })).rejects.toMatchObject(ahead);
    expect(await stateOf(old)).toMatchObject({ state: "ahead", version: "0003_step" });
  });

  it("is accepted with allowAhead, and nothing is done", async () => {
    expect(await migrate(db.owner, { modules: [old], allowAhead: true })).toEqual({
      dryRun: false,
      steps: [],
    });
  });

  it("cannot be taken back by code that does not know how", async () => {
    await expect(
      migrate(db.owner, { modules: [old], direction: "down", allowAhead: true }),
    ).rejects.toMatchObject({ code: "MIG_AHEAD" });
    expect(await loggedSteps(db.owner)).toHaveLength(3);
  });

  it("is still refused with allowAhead when a file that is known was edited", async () => {
    await expect(
      migrate(db.owner, { modules: [withStep(old, 1, { up: "select 1;" })], allowAhead: true }),
    ).rejects.toMatchObject({ code: "MIG_DRIFT" });
  });
});

describe("a gap", () => {
  it("between applied steps is named", async () => {
    await migrate(db.owner, { modules: [shop] });
    await db.owner.query("delete from postkit.migration_log where name = '0002_step'");
    const drift = {
      code: "MIG_DRIFT",
      detail: { module: "shop", file: "migrations/shop/0002_step.up.sql" },
    };

    await expect(migrate(db.owner, { modules: [shop] })).rejects.toMatchObject(drift);
    expect(await stateOf(shop)).toMatchObject({
      state: "drift",
      problem: expect.stringContaining("0002_step.up.sql"),
    });
  });
});

describe("step names", () => {
  it.each([
    "1_step",
    "0002_step",
    "0001-step",
    "0001_Step",
    "0001_",
    "step",
    "0001_step.up",
    "00001_step",
  ])("'%s' is not the name of a first step", async (name) => {
    const misnamed = withStep(shop, 1, { name });
    const invalid = { code: "MIG_HISTORY_INVALID", message: expect.stringContaining(name) };
    await expect(migrate(db.owner, { modules: [misnamed] })).rejects.toMatchObject(invalid);
    await expect(plan(db.owner, { modules: [misnamed] })).rejects.toMatchObject(invalid);
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("do not repeat or skip a number", async () => {
    for (const name of ["0002_again", "0004_later"]) {
      await expect(
        migrate(db.owner, { modules: [withStep(shop, 3, { name })] }),
      ).rejects.toMatchObject({
        code: "MIG_HISTORY_INVALID",
      });
    }
  });
});

describe("a schema that is not ours", () => {
  it("of a module's name is refused before anything is made, and the message says what to do", async () => {
    await db.owner.query("create schema authz; create table authz.mine (id int)");
    const before = await catalogOf(db.owner);
    const foreign = {
      code: "MIG_SCHEMA_FOREIGN",
      message: expect.stringContaining("rename"),
      detail: { module: "authz", schema: "authz" },
    };

    await expect(migrate(db.owner, { modules: [shop, authz] })).rejects.toMatchObject(foreign);
    await expect(plan(db.owner, { modules: [authz] })).rejects.toMatchObject(foreign);
    expect(await stateOf(authz)).toMatchObject({
      state: "foreign",
      problem: expect.stringContaining("authz"),
    });
    expect(await catalogOf(db.owner)).toEqual(before);
  });

  it("of core's name is refused before anything is made", async () => {
    await db.owner.query("create schema postkit; create table postkit.mine (id int)");
    const before = await catalogOf(db.owner);
    const foreign = { code: "MIG_SCHEMA_FOREIGN", detail: { schema: "postkit" } };

    await expect(migrate(db.owner, { modules: [shop] })).rejects.toMatchObject(foreign);
    await expect(status(db.owner, { modules: [shop] })).rejects.toMatchObject(foreign);
    expect(await catalogOf(db.owner)).toEqual(before);
  });

  it("of another name does not matter", async () => {
    await db.owner.query("create schema mine");
    await migrate(db.owner, { modules: [shop] });
    expect(await schemasOf(db.owner)).toEqual(["mine", "postkit", "shop"]);
  });

  it("is seen when somebody made it again after a full down", async () => {
    await migrate(db.owner, { modules: [shop] });
    await migrate(db.owner, { modules: [shop], direction: "down", to: "0", allowDataLoss: true });
    await db.owner.query("create schema shop create table items (id int)");
    await expect(migrate(db.owner, { modules: [shop] })).rejects.toMatchObject({
      code: "MIG_SCHEMA_FOREIGN",
    });
  });
});

function windows(text: string): string {
  return text.replaceAll("\n", "\r\n");
}
