import { randomBytes } from "node:crypto";

import { authz } from "@postkit/authz";
import { createPostkit, migrate, reviewGrants, revokeRole } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { fixtureModule, grantFunction, threeTables, withSteps } from "./support/fixture-module.ts";

const createFunction = (parameters: string) =>
  `create function shop.price(${parameters}) returns int language sql as 'select 1';
   revoke all on function shop.price from public;`;

/** Its second step drops and makes again a function, a table and a view. */
const shop = fixtureModule("shop", {
  steps: [
    [
      `create schema shop; ${grantFunction("shop")}
       create table shop.items (id int primary key);
       create view shop.ids as select id from shop.items;
       ${createFunction("p_id int")}
       create function shop.secret() returns int language sql as 'select 2';
       revoke all on function shop.secret() from public;`,
      "drop schema shop cascade;",
    ],
    [
      `drop view shop.ids; drop table shop.items;
       create table shop.items (id bigint primary key);
       create view shop.ids as select id from shop.items;
       drop function shop.price(int); ${createFunction("p_id int, p_day date default null")}`,
      "select 1;",
    ],
  ],
});

let db: TestDatabase;
let reader: string;
beforeEach(async () => {
  db = await createTestDatabase();
  reader = `reader_${randomBytes(4).toString("hex")}`;
  await db.super.query(`create role ${reader}`);
});
afterEach(async () => {
  await db.super.query(`drop owned by ${reader}; drop role ${reader}`).catch(() => {});
  await db.drop();
});

const recorded = async () => {
  const { rows } = await db.owner.query<{ role_name: string; kind: string }>(
    "select role_name, kind from postkit.grants order by 1, 2",
  );
  return rows.map(({ role_name: role, kind }) => `${role} ${kind}`);
};

const may = async (role: string, privilege: string, object: string) => {
  const kind = object.includes("(") ? "function" : object.includes(".") ? "table" : "schema";
  const { rows } = await db.super.query<{ allowed: boolean }>(
    `select has_${kind}_privilege($1, $2, $3) as allowed`,
    [role, object, privilege],
  );
  return rows[0]?.allowed;
};

describe("grantTo", () => {
  it("lets a role use the modules, and is recorded", async () => {
    await migrate(db.owner, { modules: [authz], grantTo: [db.appRole] });
    expect(await recorded()).toEqual([`${db.appRole} app`]);

    const postkit = createPostkit({ db: db.app, namespace: "acme", modules: { authz } });
    await postkit.authz.grant("read", { resource: "doc:1", subject: "user:a" });
    expect(await postkit.authz.check("user:a", "read", "doc:1")).toBe(true);
  });

  it("may be given again, later, and with kinds", async () => {
    await migrate(db.owner, { modules: [shop] });
    expect(await migrate(db.owner, { modules: [shop], grantTo: [reader] })).toEqual({
      dryRun: false,
      steps: [],
    });
    await migrate(db.owner, { modules: [shop], grantTo: [reader, reader] });
    await migrate(db.owner, {
      modules: [shop],
      grantTo: [{ role: reader, kinds: ["app", "worker", "maintenance"] }],
    });
    expect(await recorded()).toEqual([
      `${reader} app`,
      `${reader} maintenance`,
      `${reader} worker`,
    ]);
    expect(await may(reader, "execute", "shop.price(int, date)")).toBe(true);
  });

  it("gives modules that come later to the same roles", async () => {
    await migrate(db.owner, { modules: [], grantTo: [db.appRole] });
    await migrate(db.owner, { modules: [authz] });
    const postkit = createPostkit({ db: db.app, namespace: "acme", modules: { authz } });
    expect(await postkit.authz.check("user:a", "read", "doc:1")).toBe(false);
  });

  it("of a role that does not exist changes nothing", async () => {
    await expect(
      migrate(db.owner, { modules: [shop], grantTo: ["nobody_at_all"] }),
    ).rejects.toMatchObject({
      module: "core",
      code: "BIZ_ROLE_UNKNOWN",
      sqlstate: "42704",
      message: expect.stringContaining("nobody_at_all"),
    });
    expect((await db.owner.query("select to_regnamespace('shop') as s")).rows).toEqual([
      { s: null },
    ]);
  });

  it("may name the owner, who keeps everything when that is taken back", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)], grantTo: [db.ownerRole] });
    await migrate(db.owner, { modules: [shop] });
    expect(await revokeRole(db.owner, { role: db.ownerRole })).toBe(true);
    expect(await may(db.ownerRole, "execute", "shop.price(int, date)")).toBe(true);
    expect(await may(db.ownerRole, "insert", "postkit.grants")).toBe(true);
  });

  it("takes a role name as it is written", async () => {
    const odd = `Odd "role" ${randomBytes(4).toString("hex")}`;
    const quoted = `"${odd.replaceAll('"', '""')}"`;
    await db.super.query(`create role ${quoted}`);
    try {
      await migrate(db.owner, { modules: [shop], grantTo: [odd] });
      expect(await may(odd, "execute", "shop.price(int, date)")).toBe(true);
      await db.owner.query("select postkit.revoke_role($1)", [odd]);
      expect(await may(odd, "execute", "shop.price(int, date)")).toBe(false);
    } finally {
      await db.super.query(`drop owned by ${quoted}; drop role ${quoted}`);
    }
  });
});

describe("a step that drops and makes objects again", () => {
  it("gives a recorded role the new function", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)], grantTo: [reader] });
    expect(await may(reader, "execute", "shop.price(int)")).toBe(true);

    await migrate(db.owner, { modules: [shop] });
    expect(await may(reader, "execute", "shop.price(int, date)")).toBe(true);
  });

  it("keeps what was granted by hand on functions, tables and views, and gives no more", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)] });
    await db.owner.query(`
      grant usage on schema shop to ${reader};
      grant execute on function shop.price(int) to ${reader};
      grant select, update on shop.items to ${reader} with grant option;
      grant select on shop.ids to ${reader}`);

    await migrate(db.owner, { modules: [shop] });
    expect(await may(reader, "execute", "shop.price(int, date)")).toBe(true);
    expect(await may(reader, "select with grant option", "shop.items")).toBe(true);
    expect(await may(reader, "update with grant option", "shop.items")).toBe(true);
    expect(await may(reader, "select", "shop.ids")).toBe(true);
    expect(await may(reader, "delete", "shop.items")).toBe(false);
    expect(await may(reader, "update", "shop.ids")).toBe(false);
    expect(await may(reader, "execute", "shop.secret()")).toBe(false);
    expect(await recorded()).toEqual([]);
  });

  it("gives nothing back to everybody, who is to have nothing", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)] });
    await db.owner.query(
      "grant select on shop.items to public; grant execute on function shop.price(int) to public",
    );

    await migrate(db.owner, { modules: [shop] });
    expect(await may(reader, "select", "shop.items")).toBe(false);
    expect(await may(reader, "execute", "shop.price(int, date)")).toBe(false);
  });

  it("keeps what was granted by hand on single columns", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)] });
    await db.owner.query(
      `grant usage on schema shop to ${reader}; grant select (id) on shop.items to ${reader}`,
    );

    await migrate(db.owner, { modules: [shop] });
    const { rows } = await db.super.query(
      "select has_column_privilege($1, 'shop.items', 'id', 'select') as allowed",
      [reader],
    );
    expect(rows).toEqual([{ allowed: true }]);
    expect(await may(reader, "select", "shop.items")).toBe(false);
  });

  it("gives a function back by its argument types, and by name only when these are gone", async () => {
    const overloaded = fixtureModule("shop", {
      steps: [
        [
          `create schema shop; ${grantFunction("shop")}
           ${createFunction("p_id int")}
           create function shop.cost(p_id int) returns int language sql as 'select 1';
           revoke all on function shop.cost from public;`,
          "drop schema shop cascade;",
        ],
        [
          `drop function shop.price; drop function shop.cost;
           create function shop.price(p_number int) returns int language sql as 'select 1';
           create function shop.price(p_id int, p_day date) returns int language sql as 'select 1';
           create function shop.cost(p_id bigint) returns int language sql as 'select 1';
           revoke all on all functions in schema shop from public;`,
          "select 1;",
        ],
      ],
    });
    await migrate(db.owner, { modules: [withSteps(overloaded, 1)] });
    await db.owner.query(
      `grant execute on function shop.price(int), shop.cost(int) to ${reader} with grant option`,
    );

    await migrate(db.owner, { modules: [overloaded] });
    expect(await may(reader, "execute with grant option", "shop.price(int)")).toBe(true);
    expect(await may(reader, "execute", "shop.price(int, date)")).toBe(false);
    expect(await may(reader, "execute with grant option", "shop.cost(bigint)")).toBe(true);
  });

  it("keeps what a recorded role was granted by hand on schemas, on core and on other modules", async () => {
    const other = threeTables("other");
    await migrate(db.owner, { modules: [withSteps(shop, 1), other], grantTo: [reader] });
    await db.owner.query(`
      grant create on schema shop, other to ${reader};
      grant usage on schema postkit to ${reader} with grant option;
      grant truncate on other.one to ${reader} with grant option;
      grant select on other.two to ${reader} with grant option;
      grant references (id) on other.three to ${reader};
      grant insert on postkit.migration_log to ${reader};
      grant execute on function postkit.ensure_bookkeeping(text) to ${reader}`);
    const expectAll = async () => {
      expect(await may(reader, "create", "shop")).toBe(true);
      expect(await may(reader, "create", "other")).toBe(true);
      expect(await may(reader, "usage with grant option", "postkit")).toBe(true);
      expect(await may(reader, "truncate with grant option", "other.one")).toBe(true);
      expect(await may(reader, "select with grant option", "other.two")).toBe(true);
      expect(
        (
          await db.super.query(
            "select has_column_privilege($1, 'other.three', 'id', 'references')",
            [reader],
          )
        ).rows,
      ).toEqual([{ has_column_privilege: true }]);
      expect(await may(reader, "insert", "postkit.migration_log")).toBe(true);
      expect(await may(reader, "execute", "postkit.ensure_bookkeeping(text)")).toBe(true);
      expect(await may(reader, "delete", "postkit.migration_log")).toBe(false);
    };
    await migrate(db.owner, { modules: [shop] });
    await expectAll();

    expect((await reviewGrants(db.owner)).lost).toEqual([]);
    await db.owner.query("select postkit.grant_role($1)", [db.appRole]);
    await db.owner.query("select postkit.revoke_role($1)", [db.appRole]);
    await db.owner.query("select postkit.reapply_grants()");
    await expectAll();
  });

  it("takes back what a recorded role no longer needs", async () => {
    const narrowed = fixtureModule("narrow", {
      steps: [
        [
          `create schema narrow; create table narrow.facts (id int); ${grantFunction("narrow")}`,
          "drop schema narrow cascade;",
        ],
        [
          `create or replace function narrow._grant(p_role text, p_kind text) returns void
             language plpgsql as $$ begin execute format('grant select on narrow.facts to %I', p_role); end $$;`,
          "select 1;",
        ],
      ],
    });
    await migrate(db.owner, { modules: [withSteps(narrowed, 1)], grantTo: [reader] });
    expect(await may(reader, "delete", "narrow.facts")).toBe(true);
    await migrate(db.owner, { modules: [narrowed] });
    expect(await may(reader, "select", "narrow.facts")).toBe(true);
    expect(await may(reader, "delete", "narrow.facts")).toBe(false);
  });

  it("passes over a recorded role that was dropped", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)], grantTo: [reader, db.appRole] });
    await db.super.query(`drop owned by ${reader}; drop role ${reader}`);

    await migrate(db.owner, { modules: [shop] });
    expect(await may(db.appRole, "execute", "shop.price(int, date)")).toBe(true);
    expect(await recorded()).toEqual([`${db.appRole} app`, `${reader} app`]);
    expect(
      (await db.owner.query("select postkit.revoke_role($1) as known", [reader])).rows,
    ).toEqual([{ known: true }]);
  });
});

describe("a privilege that a recorded role passed on", () => {
  const passOn = async () => {
    await db.owner.query(`
      grant usage on schema shop to ${db.appRole} with grant option;
      grant select on shop.items to ${db.appRole} with grant option;
      grant execute on function shop.price(int) to ${db.appRole} with grant option`);
    await db.app.query(`
      grant usage on schema shop to ${reader};
      grant select on shop.items to ${reader};
      grant execute on function shop.price(int) to ${reader}`);
  };

  it("is kept by a migration", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)], grantTo: [db.appRole] });
    await passOn();

    await migrate(db.owner, { modules: [shop] });
    expect(await may(reader, "usage", "shop")).toBe(true);
    expect(await may(reader, "select", "shop.items")).toBe(true);
    expect(await may(reader, "delete", "shop.items")).toBe(false);
    expect(await may(reader, "execute", "shop.price(int, date)")).toBe(true);
    expect(await may(db.appRole, "select with grant option", "shop.items")).toBe(true);
  });

  it("is kept when that role is revoked, which itself has nothing then", async () => {
    await migrate(db.owner, { modules: [withSteps(shop, 1)], grantTo: [db.appRole] });
    await passOn();

    expect(await revokeRole(db.owner, { role: db.appRole })).toBe(true);
    expect(await may(reader, "usage", "shop")).toBe(true);
    expect(await may(reader, "select", "shop.items")).toBe(true);
    expect(await may(reader, "execute", "shop.price(int)")).toBe(true);
    expect(await may(db.appRole, "usage", "shop")).toBe(false);
    expect(await may(db.appRole, "select", "shop.items")).toBe(false);
    expect(await may(db.appRole, "execute", "shop.price(int)")).toBe(false);
  });
});
