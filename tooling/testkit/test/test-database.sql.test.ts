import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import type { PostkitModule } from "@postkit/core";
import { createTestDatabase, race, type TestTemplate, withClient } from "@postkit/testkit";
import { describe, expect, inject, it } from "vitest";

const greeting: PostkitModule = {
  name: "greeting",
  version: "1.0.0",
  migrations: [
    {
      name: "0001_init",
      up: `create schema greeting;
        create function greeting.hello() returns text language sql return 'hello';
        create function greeting._grant(p_role text, p_kind text) returns void language plpgsql as $$
        begin
          execute format('grant usage on schema greeting to %I', p_role);
          execute format('grant execute on function greeting.hello() to %I', p_role);
        end $$;`,
      down: "drop schema greeting cascade;",
    },
  ],
  migrationsUrl: new URL("file:///nowhere/"),
  errors: {},
  client: () => ({}),
};

describe("createTestDatabase", () => {
  it("gives an empty database that an ordinary owner owns", async () => {
    await using db = await createTestDatabase();
    const { rows } = await db.owner.query(
      `select r.rolsuper, r.rolbypassrls, r.rolcreaterole, pg_get_userbyid(d.datdba) as owner
       from pg_roles r, pg_database d
       where r.rolname = current_user and d.datname = current_database()`,
    );
    expect(rows).toEqual([
      { rolsuper: false, rolbypassrls: false, rolcreaterole: false, owner: db.ownerRole },
    ]);
  });

  it("gives the application a role that owns nothing", async () => {
    await using db = await createTestDatabase();
    const { rows } = await db.app.query(
      `select current_user::text as name, pg_get_userbyid(datdba)::text as owner
       from pg_database
       where datname = current_database()`,
    );
    expect(rows).toEqual([{ name: db.appRole, owner: db.ownerRole }]);
    await expect(db.app.query("create schema own")).rejects.toMatchObject({ code: "42501" });
  });

  it("keeps databases apart", async () => {
    await using one = await createTestDatabase();
    await using other = await createTestDatabase();
    await one.owner.query("create schema s create table t (id int)");
    await expect(other.owner.query("select from s.t")).rejects.toMatchObject({ code: "42P01" });
  });

  it("prepares a template once, however many ask at the same moment", async () => {
    let prepared = 0;
    const template: TestTemplate = {
      name: "once",
      prepare: async ({ ownerUrl }) => {
        prepared += 1;
        await withClient(ownerUrl, (owner) =>
          owner.query("create schema s; create table s.t as select 42 as answer"),
        );
      },
    };
    const results = await race(4, async () => {
      await using db = await createTestDatabase({ template });
      return (await db.owner.query("select answer from s.t")).rows;
    });
    expect(results).toEqual(Array(4).fill({ status: "fulfilled", value: [{ answer: 42 }] }));
    expect(prepared).toBe(1);
  });

  it("prepares a template once for all processes of a run", async () => {
    const program = fileURLToPath(new URL("support/use-template.ts", import.meta.url));
    const server = JSON.stringify(inject("postkitServer"));
    const args = ["--conditions=@postkit/source", "--import", "tsx", program, server];
    const results = await race(3, () => promisify(execFile)(process.execPath, args));
    const outputs = results.map((result) =>
      result.status === "fulfilled" ? result.value.stdout.trim() : String(result.reason),
    );
    expect(outputs.toSorted()).toEqual([
      '{"prepared":false}',
      '{"prepared":false}',
      '{"prepared":true}',
    ]);
  });

  it("migrates modules as the owner, and lets the application use them", async () => {
    await using db = await createTestDatabase({ modules: [greeting] });
    const { rows } = await db.owner.query(
      "select pg_get_userbyid(nspowner)::text as owner from pg_namespace where nspname = 'greeting'",
    );
    expect(rows).toEqual([{ owner: db.ownerRole }]);
    expect((await db.app.query("select greeting.hello() as hello")).rows).toEqual([
      { hello: "hello" },
    ]);
  });

  it("drops the database though a client was never released", async () => {
    const db = await createTestDatabase();
    await db.app.connect();
    await db.drop();
    const left = await withClient(inject("postkitServer").url, (client) =>
      client.query("select from pg_database where datname = $1", [db.name]),
    );
    expect(left.rowCount).toBe(0);
  });
});
