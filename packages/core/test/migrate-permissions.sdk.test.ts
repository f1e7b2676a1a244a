import { authz } from "@postkit/authz";
import { createPostkit, migrate, plan, status } from "@postkit/core";
import { createTestDatabase, startProxy, type TestDatabase } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { catalogOf, schemasOf } from "./support/catalog.ts";
import { threeTables, withSteps } from "./support/fixture-module.ts";

const shop = threeTables("shop");

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

describe("an application role that may create nothing", () => {
  it("migrates at every start when nothing is pending, and that writes nothing", async () => {
    await migrate(db.owner, { modules: [authz, shop], grantTo: [db.appRole] });
    const client = await db.app.connect();
    try {
      await client.query("set default_transaction_read_only = on");
      expect(await migrate(client, { modules: [authz, shop] })).toEqual({
        dryRun: false,
        steps: [],
      });
      expect(await migrate(client, { modules: [authz, shop], grantTo: [db.appRole] })).toEqual({
        dryRun: false,
        steps: [],
      });
    } finally {
      client.release(true);
    }
    await using proxy = await startProxy(db.appUrl);
    await migrate(proxy.url, { modules: [authz, shop] });
    for (const statement of proxy.clientStatements()) {
      expect(statement.trim()).toMatch(
        /^(begin isolation level repeatable read read only|select\b.*|rollback)$/s,
      );
    }
    await using postkit = createPostkit({ connectionString: db.appUrl, modules: { authz, shop } });
    expect((await postkit.migrate()).steps).toEqual([]);
  });

  it("sees status and plan in a read-only transaction", async () => {
    await migrate(db.owner, { modules: [shop], grantTo: [db.appRole], to: "2" });
    const client = await db.app.connect();
    try {
      await client.query("set default_transaction_read_only = on");
      expect(await status(client, { modules: [shop] })).toMatchObject([
        { state: "pending", pending: ["0003_step"] },
      ]);
      expect(await plan(client, { modules: [shop] })).toMatchObject([{ name: "0003_step" }]);
    } finally {
      client.release(true);
    }
  });

  it("learns that a step is pending that another role must apply", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 2)], grantTo: [db.appRole] });
    const before = await catalogOf(db.owner);
    await expect(migrate(db.app, { modules: [shop] })).rejects.toMatchObject({
      module: "core",
      code: "MIG_NOT_PERMITTED",
      sqlstate: "42501",
      message: expect.stringContaining("pending"),
    });
    expect(await catalogOf(db.owner)).toEqual(before);
  });

  it("learns that a grant is pending that another role must record", async () => {
    await migrate(db.owner, { modules: [shop], grantTo: [db.appRole] });
    await expect(
      migrate(db.app, { modules: [shop], grantTo: [db.ownerRole] }),
    ).rejects.toMatchObject({
      module: "core",
      code: "MIG_NOT_PERMITTED",
    });
  });

  it("learns on an empty database that it may not migrate, while its plan is told", async () => {
    await expect(migrate(db.app, { modules: [shop] })).rejects.toMatchObject({
      code: "MIG_NOT_PERMITTED",
    });
    expect(await plan(db.app, { modules: [shop] })).toHaveLength(3);
    expect(await schemasOf(db.owner)).toEqual([]);
  });

  it("learns how to be let in when it was granted nothing", async () => {
    await migrate(db.owner, { modules: [shop] });
    const notPermitted = {
      code: "MIG_NOT_PERMITTED",
      message: expect.stringContaining("postkit grant"),
    };
    await expect(migrate(db.app, { modules: [shop] })).rejects.toMatchObject(notPermitted);
    await expect(status(db.app, { modules: [shop] })).rejects.toMatchObject(notPermitted);
    await expect(plan(db.app, { modules: [shop] })).rejects.toMatchObject(notPermitted);
  });
});
