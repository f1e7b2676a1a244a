import { authz } from "@postkit/authz";
import { columns, createPostkit, migrate, status, textArray, timestamp } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});
afterAll(() => db.drop());

const badArgument = { module: "core", code: "VAL_ARGUMENT", sqlstate: "22023" };
const check = ["user:alice", "read", "doc:1"] as const;

describe("arguments that the types forbid and JavaScript allows", () => {
  it("refuses modules that are no object by name", () => {
    for (const modules of [undefined, [authz], "authz"]) {
      expect(() => createPostkit({ db: db.app, modules: modules as never })).toThrow(
        expect.objectContaining(badArgument) as Error,
      );
    }
  });

  it("refuses to guess a database", async () => {
    expect(() => createPostkit({ connectionString: undefined, modules: { authz } })).toThrow(
      expect.objectContaining(badArgument) as Error,
    );
    for (const target of [undefined, null, ""]) {
      await expect(migrate(target as never, { modules: [authz] })).rejects.toMatchObject(
        badArgument,
      );
    }
  });

  it.each([Number.NaN, -1])("refuses %s as a time-out", async (timeoutMs) => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    await expect(postkit.authz.check(...check, { timeoutMs })).rejects.toMatchObject(badArgument);
  });

  it.each([2 ** 31, 3e9, Infinity])("takes a time-out of %s ms as none", async (timeoutMs) => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    expect(await postkit.authz.check(...check, { timeoutMs })).toBe(false);
  });

  it("refuses an isolation that PostgreSQL has no word for, and sends none of it", async () => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    const isolation = "serializable; create temp table smuggled (id int)" as "serializable";
    await expect(postkit.transaction(async () => {}, { isolation })).rejects.toMatchObject(
      badArgument,
    );
    const { rows } = await db.app.query("select to_regclass('pg_temp.smuggled') as smuggled");
    expect(rows).toEqual([{ smuggled: null }]);
  });

  it.each([Number.NaN, -1, 1.5, Infinity])("refuses %s as a number of retries", async (retries) => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    await expect(postkit.transaction(async () => {}, { retries })).rejects.toMatchObject(
      badArgument,
    );
  });

  it("refuses a list that is none, rather than to hold all of nothing", async () => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    for (const permissions of [null, "read", undefined]) {
      await expect(
        postkit.authz.checkAll("user:nobody", permissions as never, "doc:1"),
      ).rejects.toMatchObject(badArgument);
    }
    expect(() => textArray(null as never)).toThrow(expect.objectContaining(badArgument) as Error);
  });

  it("refuses a point in time that is no Date", () => {
    for (const value of ["2030-01-01", 5]) {
      expect(() => timestamp(value as never)).toThrow(
        expect.objectContaining(badArgument) as Error,
      );
    }
  });
});

describe("a call that was given up on a joined transaction", () => {
  it("closes that handle, and none that joins a later transaction of the same client", async () => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    const client = await db.app.connect();
    try {
      await client.query("begin");
      const joined = postkit.on(client);
      const slow = joined.query("select pg_sleep(0.1)", [], { timeoutMs: 0 });
      await expect(slow).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
      await expect(joined.authz.check(...check)).rejects.toMatchObject({
        code: "BIZ_TRANSACTION_CLOSED",
      });
      await client.query("rollback");
      await client.query("begin");
      expect(await postkit.on(client).authz.check(...check)).toBe(false);
      await client.query("rollback");
    } finally {
      client.release();
    }
  });

  it("stays open when the call was over before it was sent", async () => {
    const postkit = createPostkit({ db: db.app, modules: { authz } });
    const client = await db.app.connect();
    try {
      await client.query("begin");
      const joined = postkit.on(client);
      const signal = AbortSignal.abort();
      await expect(joined.authz.check(...check, { signal })).rejects.toMatchObject({
        code: "SYS_ABORTED",
      });
      expect(await joined.authz.check(...check)).toBe(false);
      await client.query("rollback");
    } finally {
      client.release();
    }
  });
});

describe("values at the ends of time", () => {
  it("reads infinity as the last Date there is, from pg and from text", () => {
    const last = new Date(8.64e15);
    for (const value of [Infinity, "infinity"])
      expect(columns.timestamptz.parse(value)).toEqual(last);
    expect(columns.timestamptz.parse(-Infinity)).toEqual(new Date(-8.64e15));
  });

  it("pages over the audit of a grant that plain SQL made to last for ever", async () => {
    const postkit = createPostkit({ db: db.app, namespace: "ends", modules: { authz } });
    await postkit.transaction(async (tx) => {
      await tx.query("select authz.set_tenant('ends')");
      await tx.query(
        "select authz.write('doc', '1', 'read', 'user', 'x', p_expires_at => 'infinity')",
      );
    });
    expect(await postkit.authz.getAuditEvents()).toMatchObject([{ expiresAt: null }]);
    expect(await postkit.authz.check("user:x", "read", "doc:1")).toBe(true);
  });
});

describe("named prepared statements", () => {
  it("that somebody deallocated cost the connection and not the call", async () => {
    await using postkit = createPostkit({
      connectionString: db.appUrl,
      pool: { max: 1 },
      modules: { authz },
      prepare: true,
    });
    const pidOfPool = async () =>
      (await postkit.pool.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid;
    expect(await postkit.authz.check(...check)).toBe(false);
    const before = await pidOfPool();
    await postkit.pool.query("deallocate all");
    expect(await postkit.authz.check(...check)).toBe(false);
    expect(await pidOfPool()).not.toBe(before);
    expect(await postkit.authz.check(...check)).toBe(false);
  });

  it("are made of calls alone, not of what the application asks in a transaction", async () => {
    const postkit = createPostkit({ db: db.app, modules: { authz }, prepare: true });
    await postkit.transaction(async (tx) => {
      for (let i = 0; i < 5; i += 1) await tx.query(`select $1::int + ${i}`, [i]);
      await tx.authz.check(...check);
      const { rows } = await tx.query<{ statement: string }>(
        "select statement from pg_prepared_statements where name like 'postkit_%'",
      );
      expect(rows.map(({ statement }) => statement)).toEqual([
        expect.stringContaining("authz.check"),
      ]);
    });
  });
});

describe("a schema that was dropped by hand", () => {
  it("is drift, which names it and says how to forget it, and then migrates anew", async () => {
    await using own = await createTestDatabase({ modules: [authz] });
    await own.owner.query("drop schema authz cascade");
    expect(await status(own.owner, { modules: [authz] })).toMatchObject([{ state: "drift" }]);
    const refused = await migrate(own.owner, { modules: [authz] }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "MIG_DRIFT", detail: { module: "authz" } });
    const [, advice = ""] = /"(delete from .*)"$/.exec((refused as Error).message) ?? [];
    await own.owner.query(advice);
    expect((await migrate(own.owner, { modules: [authz] })).steps).toHaveLength(1);
  });
});
