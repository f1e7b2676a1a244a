import { createTestDatabase, race, type TestTemplate, withClient } from "@postkit/testkit";
import { describe, expect, inject, it } from "vitest";

describe("createTestDatabase", () => {
  it("gives an empty database that an ordinary owner owns", async () => {
    await using db = await createTestDatabase();
    const { rows } = await db.owner.query(
      `select r.rolsuper, r.rolbypassrls, r.rolcreaterole, pg_get_userbyid(d.datdba) as owner
       from pg_roles r, pg_database d
       where r.rolname = current_user and d.datname = current_database()`,
    );
    expect(rows).toEqual([{ rolsuper: false, rolbypassrls: false, rolcreaterole: false, owner: db.ownerRole }]);
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
        await withClient(ownerUrl, (owner) => owner.query("create schema s; create table s.t as select 42 as answer"));
      },
    };
    const results = await race(4, async () => {
      await using db = await createTestDatabase({ template });
      return (await db.owner.query("select answer from s.t")).rows;
    });
    expect(results).toEqual(Array(4).fill({ status: "fulfilled", value: [{ answer: 42 }] }));
    expect(prepared).toBe(1);
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
