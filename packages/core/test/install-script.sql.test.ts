import { authz } from "@postkit/authz";
import { createPostkit, installScript, migrate, status, type PostkitModule } from "@postkit/core";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { catalogOf, loggedSteps, schemasOf } from "./support/catalog.ts";
import { threeTables, withStep } from "./support/fixture-module.ts";

const shop = threeTables("shop");

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

/** Runs it as `psql -f` does, which alone understands lines that begin with a backslash. */
async function install(...modules: PostkitModule[]): Promise<void> {
  const statements = installScript(modules)
    .split("\n")
    .filter((line) => !line.startsWith("\\"))
    .join("\n");
  await withClient(db.ownerUrl, (client) => client.query(statements));
}

describe("the install script", () => {
  it("makes what migrate makes, and the status says up to date", async () => {
    await install(authz, shop);
    const installed = await catalogOf(db.owner);

    expect(await status(db.owner, { modules: [authz, shop] })).toMatchObject([
      { module: "authz", state: "up-to-date" },
      { module: "shop", state: "up-to-date", version: "0003_step" },
    ]);
    expect(await migrate(db.owner, { modules: [authz, shop] })).toEqual({
      dryRun: false,
      steps: [],
    });

    await using migrated = await createTestDatabase();
    await migrate(migrated.owner, { modules: [authz, shop] });
    expect(installed).toEqual(await catalogOf(migrated.owner));
    expect(await loggedSteps(db.owner)).toEqual(await loggedSteps(migrated.owner));
  });

  it("leaves a history that can be taken back and applied again", async () => {
    await install(shop);
    await migrate(db.owner, { modules: [shop], direction: "down", to: "0", allowDataLoss: true });
    expect(await schemasOf(db.owner)).toEqual(["postkit"]);
    expect((await migrate(db.owner, { modules: [shop] })).steps).toHaveLength(3);
  });

  it("stops psql at the first error, and is one transaction", () => {
    const lines = installScript([shop]).split("\n");
    expect(lines[2]).toBe("set client_encoding = 'UTF8';");
    expect(lines.indexOf("\\set ON_ERROR_STOP on")).toBeLessThan(lines.indexOf("begin;"));
    expect(lines.filter((line) => line === "begin;")).toHaveLength(1);
    expect(lines.filter((line) => line === "commit;")).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("\\"))).toEqual(["\\set ON_ERROR_STOP on"]);
  });

  it("is refused the second time and changes nothing", async () => {
    await install(shop);
    const before = await catalogOf(db.owner);
    await expect(install(shop)).rejects.toMatchObject({
      code: "42P06",
      hint: "postkit:core:MIG_SCHEMA_FOREIGN",
      message: expect.stringContaining("shop"),
    });
    expect(await catalogOf(db.owner)).toEqual(before);
    expect(await loggedSteps(db.owner)).toHaveLength(3);
  });

  it("installs nothing when a step fails", async () => {
    await expect(install(withStep(shop, 3, { up: "select 1/0;" }))).rejects.toMatchObject({
      code: "22012",
    });
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("adds a second module to a database that has core, and gives it to the roles that are let in", async () => {
    await migrate(db.owner, { modules: [shop], grantTo: [db.appRole] });
    await install(authz);

    expect(await status(db.owner, { modules: [authz, shop] })).toMatchObject([
      { state: "up-to-date" },
      { state: "up-to-date" },
    ]);
    const postkit = createPostkit({ db: db.app, namespace: "acme", modules: { authz } });
    expect(await postkit.authz.check("user:a", "read", "doc:1")).toBe(false);
  });

  it("refuses a schema postkit that is not ours, and leaves it alone", async () => {
    await db.owner.query("create schema postkit; create table postkit.mine (id int)");
    const before = await catalogOf(db.owner);
    await expect(install(shop)).rejects.toMatchObject({
      hint: "postkit:core:MIG_SCHEMA_FOREIGN",
      message: expect.stringContaining("postkit"),
    });
    expect(await catalogOf(db.owner)).toEqual(before);
  });

  it("refuses a core that is newer than its own, and leaves it alone", async () => {
    await migrate(db.owner, { modules: [] });
    await db.owner.query("update postkit.core_schema set version = 1000");
    const before = await catalogOf(db.owner);
    await expect(install(shop)).rejects.toMatchObject({ hint: "postkit:core:MIG_AHEAD" });
    expect(await catalogOf(db.owner)).toEqual(before);
  });

  it("quotes what a step or a version holds", async () => {
    const quoted = withStep({ ...shop, version: "1.0.0-o'hara" }, 3, {
      up: "create table shop.three (id int, note text default 'it''s $install$');",
    });
    await install(quoted);
    const { rows } = await db.owner.query("select package_version from postkit.schema_versions");
    expect(rows).toEqual([{ package_version: "1.0.0-o'hara" }]);
  });
});
