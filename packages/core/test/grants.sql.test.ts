import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});
afterAll(() => db.drop());

const grants = async () =>
  (await db.owner.query("select role_name, kind from postkit.grants order by 1, 2")).rows;

describe("postkit.grant_role and revoke_role", () => {
  it.each([
    {
      call: "grant_role('postkit_app', 'boss')",
      code: "22023",
      hint: "postkit:core:VAL_GRANT_KIND",
    },
    { call: "grant_role('postkit_app', null)", code: "22023", hint: "postkit:core:VAL_GRANT_KIND" },
    { call: "grant_role('nobody_here')", code: "42704", hint: "postkit:core:BIZ_ROLE_UNKNOWN" },
    { call: "grant_role(null)", code: "42704", hint: "postkit:core:BIZ_ROLE_UNKNOWN" },
  ])("refuse: $call", async ({ call, code, hint }) => {
    const before = await grants();
    await expect(db.owner.query(`select postkit.${call}`)).rejects.toMatchObject({ code, hint });
    expect(await grants()).toEqual(before);
  });

  it("give and take what an application needs", async () => {
    const check = () =>
      db.app.query(
        "select authz.check('user', 'a', 'read', 'doc', '1', p_namespace => postkit.enter('acme'))",
      );
    await check();
    expect(
      (await db.owner.query("select postkit.revoke_role($1) as known", [db.appRole])).rows,
    ).toEqual([{ known: true }]);
    await expect(check()).rejects.toMatchObject({ code: "42501" });
    expect(
      (await db.owner.query("select postkit.revoke_role($1) as known", [db.appRole])).rows,
    ).toEqual([{ known: false }]);

    await db.owner.query("select postkit.grant_role($1)", [db.appRole]);
    await check();
  });

  it("are not for the application, and neither is what core writes", async () => {
    for (const statement of [
      "select postkit.grant_role('postkit_app', 'maintenance')",
      "select postkit.revoke_role('postkit_app')",
      "select postkit.reapply_grants()",
      "select postkit._apply_grant('postkit_app', 'app')",
      "select postkit.ensure_bookkeeping('mine')",
      "insert into postkit.grants (role_name, kind) values ('postkit_app', 'maintenance')",
      "delete from postkit.migration_log",
      "update postkit.core_schema set version = 0",
      "create table postkit.mine (id int)",
    ]) {
      await expect(db.app.query(statement), statement).rejects.toMatchObject({ code: "42501" });
    }
  });

  it("leave nothing of core to everybody", async () => {
    const { rows } = await db.super.query(
      `select p.oid::regprocedure::text as object from pg_proc p
         where p.pronamespace = 'postkit'::regnamespace and has_function_privilege('public', p.oid, 'execute')
       union all
       select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'postkit'::regnamespace and c.relkind in ('r', 'v') and has_table_privilege('public', c.oid, 'select')
       union all
       select 'schema' where has_schema_privilege('public', 'postkit', 'usage')`,
    );
    expect(rows).toEqual([]);
  });
});

describe("postkit.enter", () => {
  const inTransaction = async (statements: string[]) => {
    const client = await db.app.connect();
    try {
      await client.query("begin");
      for (const statement of statements) await client.query(statement);
      const { rows } = await client.query<Record<string, string>>(
        `select coalesce(current_setting('postkit.tenant_id', true), '') as tenant,
           coalesce(current_setting('postkit.actor_id', true), '') as actor,
           coalesce(current_setting('postkit.reason', true), '') as reason`,
      );
      return rows[0];
    } finally {
      await client.query("rollback");
      client.release();
    }
  };

  it("gives the tenant and sets it with the settings for the transaction", async () => {
    expect((await db.app.query("select postkit.enter('acme') as tenant")).rows).toEqual([
      { tenant: "acme" },
    ]);
    expect(
      await inTransaction([`select postkit.enter('acme', '{"actor_id": "a", "reason": "r"}')`]),
    ).toEqual({
      tenant: "acme",
      actor: "a",
      reason: "r",
    });
    expect(await inTransaction([])).toEqual({ tenant: "", actor: "", reason: "" });
  });

  it("clears what an earlier one entered, and keeps what was set in another way", async () => {
    expect(
      await inTransaction([
        "select set_config('postkit.reason', 'by hand', true)",
        `select postkit.enter('acme', '{"actor_id": "a"}')`,
        "select postkit.enter('globex')",
      ]),
    ).toEqual({ tenant: "globex", actor: "", reason: "by hand" });
  });

  it("forgets with a savepoint what was entered after it", async () => {
    expect(
      await inTransaction([
        `select postkit.enter('acme', '{"actor_id": "a"}')`,
        "savepoint s",
        `select postkit.enter('globex', '{"reason": "r"}')`,
        "rollback to savepoint s",
      ]),
    ).toEqual({ tenant: "acme", actor: "a", reason: "" });
  });

  it.each(["tenant_id", "maintenance", "entered", "Actor", "actor-id", "", "a b", "x'; drop"])(
    "refuses a setting called '%s'",
    async (name) => {
      await expect(
        db.app.query("select postkit.enter('acme', jsonb_build_object($1::text, 'on'))", [name]),
      ).rejects.toMatchObject({ code: "22023", hint: "postkit:core:VAL_SETTING_NAME" });
    },
  );
});
