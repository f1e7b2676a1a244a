import { randomBytes } from "node:crypto";

import { authz } from "@postkit/authz";
import { createPostkit, grantRole, migrate, plan, reviewGrants, status } from "@postkit/core";
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

/** Who owns the schemas of Postkit, and the relations and functions in them. */
const owners = async () => {
  const { rows } = await db.super.query<{ owner: string }>(
    `with s as (select oid, nspowner from pg_namespace where nspname in ('postkit', 'authz', 'shop'))
     select nspowner::regrole::text as owner from s
     union select c.relowner::regrole::text from pg_class c join s on s.oid = c.relnamespace
     union select p.proowner::regrole::text from pg_proc p join s on s.oid = p.pronamespace
     union select r::regrole::text from pg_policy p join pg_class c on c.oid = p.polrelid
       join s on s.oid = c.relnamespace, unnest(p.polroles) r where r <> 0
     order by 1`,
  );
  return rows.map(({ owner }) => owner);
};

it("an owner who may create no schema installs into empty ones that were made for it", async () => {
  for (const schema of ["postkit", "authz"]) {
    await db.super.query(`create schema ${schema} authorization ${db.appRole}`);
  }
  const { rows } = await db.app.query(
    "select has_database_privilege(current_database(), 'create') as may",
  );
  expect(rows).toEqual([{ may: false }]);
  expect((await migrate(db.app, { modules: [authz] })).steps).toHaveLength(1);
  expect(await status(db.app, { modules: [authz] })).toMatchObject([{ state: "up-to-date" }]);
});

describe("a superuser who migrates", () => {
  const superuser = async () =>
    (await db.super.query<{ name: string }>("select session_user as name")).rows[0]?.name;

  it("into a database of an owner leaves everything to that owner", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)], grantTo: [db.appRole] });
    await migrate(db.super, { modules: [shop, authz], grantTo: [db.ownerRole] });
    expect(await owners()).toEqual([db.ownerRole]);
    const [shopStatus] = await status(db.owner, { modules: [shop] });
    expect(shopStatus?.applied.map(({ appliedBy }) => appliedBy)).toEqual([
      db.ownerRole,
      await superuser(),
      await superuser(),
    ]);

    await grantRole(db.super, { role: db.appRole, kinds: ["worker"] });
    expect((await reviewGrants(db.super)).lost).toEqual([]);
    const postkit = createPostkit({ db: db.app, namespace: "acme", modules: { authz } });
    await postkit.authz.grant("read", { resource: "doc:1", subject: "user:a" });
    const down = { direction: "down", count: 1, allowDataLoss: true } as const;
    await migrate(db.owner, { modules: [shop], ...down });
    await migrate(db.owner, { modules: [authz], ...down });
  });

  it("for the first time leaves everything to the owner of an empty schema made for it", async () => {
    await db.super.query(`create schema authz authorization ${db.ownerRole}`);
    await migrate(db.super, { modules: [authz], grantTo: [db.appRole] });
    expect(await owners()).toEqual([db.ownerRole]);
    expect(await migrate(db.owner, { modules: [authz, shop] })).toMatchObject({
      steps: [{ module: "shop" }, { module: "shop" }, { module: "shop" }],
    });
  });

  it("for the first time leaves everything to the owner of an empty schema postkit", async () => {
    await db.super.query(`create schema postkit authorization ${db.ownerRole}`);
    await migrate(db.super, { modules: [authz] });
    expect(await owners()).toEqual([db.ownerRole]);
  });

  it("into an empty database owns it, and stays who it is on the connection", async () => {
    const client = await db.super.connect();
    try {
      await migrate(client, { modules: [authz] });
      expect(await owners()).toEqual([await superuser()]);
      expect((await client.query("select current_user = session_user as same")).rows).toEqual([
        { same: true },
      ]);
    } finally {
      client.release();
    }
  });
});

it("a member of the owner's role leaves everything to the owner", async () => {
  await migrate(db.owner, { modules: [withSteps(shop, 1)] });
  const member = `member_${randomBytes(4).toString("hex")}`;
  await db.super.query(`create role ${member} login password 'x' in role ${db.ownerRole}`);
  try {
    const url = new URL(db.ownerUrl);
    url.username = member;
    url.password = "x";
    await migrate(url.href, { modules: [shop] });
    expect(await owners()).toEqual([db.ownerRole]);
  } finally {
    await db.super.query(`drop role ${member}`);
  }
});
