import { readFile } from "node:fs/promises";

import { authz } from "@postkit/authz";
import {
  createPostkit,
  interval,
  isPostkitError,
  json,
  textArray,
  type Executor,
} from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { libraries, type Application, type ApplicationTransaction } from "./support/libraries.ts";
import { as, probe, whoami } from "./support/probe.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe, authz] });
  await db.owner.query(
    `create table public.orders (id text primary key); grant all on public.orders to ${db.appRole}`,
  );
});
afterAll(() => db.drop());
beforeEach(() => db.super.query("truncate probe.notes, public.orders; delete from authz.tuples"));

const open = () => createPostkit({ db: db.app, namespace: "acme", modules: { probe, authz } });

/** What has been committed: the application's order, a note and a grant of two modules. */
const committed = async () => {
  const { rows } = await db.super.query<{ what: string }>(
    `select 'order ' || id as what from public.orders
     union all select 'note ' || id from probe.notes
     union all select 'grant ' || subject_id from authz.tuples order by 1`,
  );
  return rows.map(({ what }) => what);
};

const writeAll = async ({ executor, insertOrder }: ApplicationTransaction) => {
  const joined = open().on(executor);
  await insertOrder("1");
  await joined.probe.value("probe.add_note", { p_id: "1" }, as());
  await joined.authz.grant("owner", { resource: "order:1", subject: "user:alice" });
};

describe.each(libraries)(
  "a transaction of $name",
  ({ open: openLibrary, survivesFailedStatement }) => {
    let application: Application;
    beforeEach(async () => {
      application = await openLibrary(db.appUrl);
    });
    afterEach(() => application[Symbol.asyncDispose]());

    it("commits with the application's own insert", async () => {
      await application.transaction(async (transaction) => {
        await writeAll(transaction);
        expect(await committed()).toEqual([]);
      });
      expect(await committed()).toEqual(["grant alice", "note 1", "order 1"]);
    });

    it("rolls back with the application's own insert", async () => {
      const mine = new Error("the card was refused");
      await expect(
        application.transaction(async (transaction) => {
          await writeAll(transaction);
          throw mine;
        }),
      ).rejects.toBe(mine);
      expect(await committed()).toEqual([]);
    });

    it("fails with the module's own code, and nothing is left", async () => {
      const failure: unknown = await application
        .transaction(async (transaction) => {
          await writeAll(transaction);
          await open().on(transaction.executor).probe.value("probe.refuse", {}, as());
        })
        .catch((error: unknown) => error);
      expect(isPostkitError(failure, "probe.BIZ_REFUSED")).toBe(true);
      expect(failure).toMatchObject({
        sqlstate: "P0001",
        message: "refused, said the database",
        detail: { field: "p_hint" },
        cause: expect.any(Error),
      });
      expect(await committed()).toEqual([]);
    });

    it("gives a failure that Postkit does not know as the library gives it", async () => {
      const failure: unknown = await application
        .transaction(async ({ executor }) => {
          await open().on(executor).probe.value("probe.add_note", { p_id: "1" }, as());
          await open().on(executor).probe.value("probe.add_note", { p_id: "1" }, as());
        })
        .catch((error: unknown) => error);
      expect(isPostkitError(failure)).toBe(false);
      const { cause = failure } = failure as { cause?: unknown };
      expect(cause).toMatchObject({ code: "23505", severity: "ERROR" });
    });

    it("goes on after a nested transaction that threw was undone", async () => {
      await application.transaction(async (transaction) => {
        const joined = open().on(transaction.executor);
        await transaction.insertOrder("1");
        await expect(
          joined.transaction(async (inner) => {
            await inner.probe.value("probe.add_note", { p_id: "undone" }, as());
            await inner.transaction(async (deeper) => {
              await deeper.probe.value("probe.add_note", { p_id: "undone too" }, as());
            });
            throw new Error("undo");
          }),
        ).rejects.toThrow("undo");
        await joined.transaction(async (inner) => {
          await inner.probe.value("probe.add_note", { p_id: "kept" }, as());
        });
      });
      expect(await committed()).toEqual(["note kept", "order 1"]);
    });

    it(`${survivesFailedStatement ? "goes on" : "cannot go on"} after a failed statement was undone`, async () => {
      const outcome = await application
        .transaction(async (transaction) => {
          const joined = open().on(transaction.executor);
          await transaction.insertOrder("1");
          await joined
            .transaction((inner) => inner.probe.value("probe.refuse", {}, as()))
            .catch(() => {});
          await joined.probe.value("probe.add_note", { p_id: "after" }, as());
        })
        .then(
          () => "committed",
          () => "rolled back",
        );
      expect({ outcome, rows: await committed() }).toEqual(
        survivesFailedStatement
          ? { outcome: "committed", rows: ["note after", "order 1"] }
          : { outcome: "rolled back", rows: [] },
      );
    });

    it("is one transaction for all, and each call has its own context in it", async () => {
      await application.transaction(async ({ executor }) => {
        const number = async () => {
          const { rows } = await executor.query("select txid_current()::text as number");
          return (rows[0] as { number: string }).number;
        };
        const before = await number();
        const acting = open().withActor({ actorId: "user:admin", reason: "ticket 42" });
        expect(await whoami(acting.on(executor).probe)).toMatchObject({
          tenantId: "acme",
          actorId: "user:admin",
          reason: "ticket 42",
        });
        expect(await whoami(open().withNamespace("globex").on(executor).probe)).toMatchObject({
          tenantId: "globex",
          actorId: null,
        });
        const { rows } = await open()
          .on(executor)
          .query<{ number: string }>("select txid_current()::text as number");
        expect([before, rows[0]?.number]).toEqual([before, before]);
      });
    });

    it("leaves no context on the connection", async () => {
      const left = (executor: Executor) =>
        executor.query(
          "select coalesce(current_setting('postkit.tenant_id', true), '') || coalesce(current_setting('postkit.actor_id', true), '') as left",
        );
      await application.transaction(async ({ executor }) => {
        await whoami(open().withActor({ actorId: "a" }).on(executor).probe);
      });
      for (let look = 0; look < 3; look += 1) {
        const { rows } = await application.transaction(({ executor }) => left(executor));
        expect([...rows]).toEqual([{ left: "" }]);
      }
    });

    it("carries every kind of value there and back", async () => {
      const expiresAt = new Date(Date.now() + 3_600_000);
      await application.transaction(async ({ executor }) => {
        const { probe: caller, authz: permissions } = open().on(executor);
        for (const text of ["", "'$1' $2 \"\\", "ä€𝄞\n", null]) {
          expect(await caller.value("probe.echo", { p_text: text }, as())).toBe(text);
        }
        const values = {
          p_count: -7,
          p_ratio: 0.1,
          p_flag: false,
          p_big: 9_007_199_254_740_993n,
          p_payload: json({ a: [1, null, "ü"], "b'": true }),
          p_list: textArray(["a,b", null, "{}"]),
          p_wait: interval(1500),
        };
        expect(await caller.value("probe.describe", values, as())).toBe(
          `-7 0.1 f 9007199254740993 {"a": [1, null, "ü"], "b'": true} {"a,b",NULL,"{}"} 00:00:01.5`,
        );

        await permissions.grant("read", { resource: "doc:1", subject: "user:a", expiresAt });
        expect(
          await permissions.checkAny("user:a", ["write", 'odd "one", \\', "read"], "doc:1"),
        ).toBe(true);
        expect(await permissions.checkAll("user:a", [], "doc:1")).toBe(true);
        const [event] = await permissions.getAuditEvents({ limit: 1, resource: "doc:1" });
        expect(event).toMatchObject({
          id: expect.stringMatching(/^\d+$/),
          eventType: "tuple_created",
          eventTime: expect.any(Date),
          expiresAt,
          actorId: null,
        });
      });
    });
  },
);

describe("on", () => {
  it("refuses a pool, which has no transaction of its own, and what cannot run a statement", () => {
    const refused = expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" });
    for (const wrong of [
      db.app,
      undefined,
      null,
      {},
      "postgres://",
      { query: "select 1" },
      () => {},
    ]) {
      expect(() => open().on(wrong as unknown as Executor)).toThrow(refused);
    }
  });

  it("does not end the transaction of the caller", async () => {
    const client = await db.app.connect();
    try {
      await client.query("begin");
      await open()
        .on(client)
        .transaction((tx) => tx.probe.value("probe.add_note", { p_id: "1" }, as()));
      expect(await committed()).toEqual([]);
      await client.query("commit");
      expect(await committed()).toEqual(["note 1"]);
    } finally {
      client.release();
    }
  });

  it("offers the same transaction through a handle that was derived", async () => {
    const client = await db.app.connect();
    try {
      await client.query("begin");
      const joined = open().on(client);
      expect(
        await whoami(joined.withNamespace("globex").withActor({ actorId: "a" }).probe),
      ).toMatchObject({
        tenantId: "globex",
        actorId: "a",
      });
      await client.query("rollback");
    } finally {
      client.release();
    }
  });

  it("gives a call up in time, and lets nothing follow it but the caller's rollback", async () => {
    const client = await db.app.connect();
    try {
      await client.query("begin");
      const joined = open().on(client);
      await expect(
        joined.probe.value("probe.sleep", { p_seconds: 0.5 }, as(), { timeoutMs: 50 }),
      ).rejects.toMatchObject({ code: "SYS_TIMEOUT" });
      await expect(whoami(joined.probe)).rejects.toMatchObject({ code: "BIZ_TRANSACTION_CLOSED" });
      await client.query("rollback");
    } finally {
      client.release();
    }
  });
});

it("postgres.js goes on after a failed statement when it made the savepoint itself", async () => {
  const sql = postgres(db.appUrl, { max: 1 });
  const joinedIn = (tx: postgres.TransactionSql) =>
    open().on({
      query: async (text, values) => ({ rows: await tx.unsafe(text, values as never) }),
    });
  try {
    await sql.begin(async (tx) => {
      await tx`insert into orders values ('1')`;
      await expect(
        tx.savepoint((inner) => joinedIn(inner).probe.value("probe.refuse", {}, as())),
      ).rejects.toMatchObject({ module: "probe", code: "BIZ_REFUSED" });
      await joinedIn(tx).probe.value("probe.add_note", { p_id: "after" }, as());
    });
  } finally {
    await sql.end();
  }
  expect(await committed()).toEqual(["note after", "order 1"]);
});

it("every adapter in the guide is one that is tested here", async () => {
  const guide = await readFile(new URL("../../../docs/transactions.md", import.meta.url), "utf8");
  const tested = await readFile(new URL("support/libraries.ts", import.meta.url), "utf8");
  const adapters = [...guide.matchAll(/const executor(?:: Executor)? = \{.*?\n\};/gs)].map(
    ([code]) => code,
  );
  expect(adapters).toHaveLength(4);
  for (const adapter of adapters) expect(bare(tested)).toContain(bare(adapter));
});

/** Code without what formatting adds. */
function bare(code: string): string {
  return code.replaceAll(/\s|,(?=\s*[}\])])/g, "");
}
