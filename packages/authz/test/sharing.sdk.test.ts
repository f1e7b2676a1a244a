import { authz } from "@postkit/authz";
import { createPostkit, isPostkitError, type Postkit, type QueryEvent } from "@postkit/core";
import {
  createTestDatabase,
  pgbouncerAvailable,
  race,
  startPgbouncer,
  type TestDatabase,
} from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

type Handle = Postkit<{ authz: typeof authz }>;

let db: TestDatabase;
let pool: pg.Pool;
let home: Handle;
let globex: Handle;
const calls: QueryEvent[] = [];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  pool = openPool(db.appUrl, 1);
});

afterAll(async () => {
  await pool.end();
  await db.drop();
});

/** Each test has tenants and users of its own. */
let tests = 0;
let alice: string;
let bob: string;
beforeEach(async () => {
  tests += 1;
  alice = `user:alice-${tests}`;
  bob = `user:bob-${tests}`;
  home = createPostkit({
    db: pool,
    namespace: `home ${tests}`,
    modules: { authz },
    onQuery: (event) => calls.push(event),
  });
  globex = home.withNamespace(`globex ${tests}`);
  for (const [subject, id] of [
    [alice, "1"],
    [alice, "2"],
    [bob, "3"],
  ] as const) {
    await globex.authz.grant("read", { resource: `doc:${id}`, subject });
  }
  calls.length = 0;
});

const idsOf = (rows: readonly { resourceId: string }[]) => rows.map((row) => row.resourceId);

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error("It was not refused."),
    (reason: unknown) => reason,
  );
  if (!isPostkitError(error, "authz")) throw error;
  return error.code;
}

/** A pool whose connections may still be on their way out when the database is dropped under them. */
function openPool(connectionString: string, max: number): pg.Pool {
  const opened = new pg.Pool({ connectionString, max });
  opened.on("error", () => {});
  opened.on("connect", (connection) => connection.on("error", () => {}));
  return opened;
}

const viewerSettings = `
  select concat_ws(',', nullif(current_setting('postkit.viewer_type', true), ''),
    nullif(current_setting('postkit.viewer_id', true), ''),
    nullif(current_setting('postkit.tenant_id', true), '')) as settings`;

describe("listExternalResources", () => {
  it("gives each grant in the words of the client, in one statement", async () => {
    const expiresAt = new Date("2999-12-31T23:59:59.987Z");
    await globex.authz.grant("read", { resource: "page:1", subject: alice, expiresAt });
    calls.length = 0;
    expect(await home.authz.listExternalResources(alice, "page", "read")).toEqual([
      {
        namespace: globex.namespace,
        resourceId: "1",
        relation: "read",
        createdAt: expect.any(Date),
        expiresAt,
        cursor: expect.any(String),
      },
    ]);
    expect(calls.map(({ name }) => name)).toEqual(["authz.list_external_resources"]);
  });

  it("gives pages that follow each other", async () => {
    const first = await home.authz.listExternalResources(alice, "doc", "read", { limit: 1 });
    const second = await home.authz.listExternalResources(alice, "doc", "read", {
      limit: 1,
      cursor: first.at(-1)?.cursor,
    });
    const third = await home.authz.listExternalResources(alice, "doc", "read", {
      limit: 1,
      cursor: second.at(-1)?.cursor,
    });
    expect([first, second, third].map(idsOf)).toEqual([["2"], ["1"], []]);
  });

  it("takes the viewer in parts, and refuses the holders of a relation or no subject at all", async () => {
    const [type, id] = alice.split(":") as [string, string];
    expect(await home.authz.listExternalResources({ type, id }, "doc", "read")).toHaveLength(2);
    const { authz: client } = home;
    expect(await codeOf(client.listExternalResources("team:eng#member", "doc", "read"))).toBe(
      "VAL_ID_INVALID_CHARS",
    );
    expect(await codeOf(client.listExternalResources("alice", "doc", "read"))).toBe(
      "VAL_IDENTIFIER_FORMAT",
    );
    expect(await codeOf(client.listExternalResources("user:", "doc", "read"))).toBe(
      "BIZ_VIEWER_NOT_SET",
    );
  });

  it.each([1.5, Number.NaN, 2 ** 31])("refuses %s as a limit before it asks", async (limit) => {
    const work = home.authz.listExternalResources(alice, "doc", "read", { limit });
    await expect(work).rejects.toMatchObject({ module: "core", code: "VAL_ARGUMENT" });
  });
});

describe("leaveExternalResource", () => {
  it("takes back the subject's own grant, recorded for its owner with the actor", async () => {
    const grant = { resource: "doc:1", subject: alice, ownerNamespace: globex.namespace };
    const acting = home.withActor({ actorId: alice, requestId: "r-1", reason: "left" });
    expect(await acting.authz.leaveExternalResource("read", grant)).toBe(true);
    expect(await acting.authz.leaveExternalResource("read", grant)).toBe(false);
    expect(idsOf(await home.authz.listExternalResources(alice, "doc", "read"))).toEqual(["2"]);
    expect(await globex.authz.check(alice, "read", "doc:1")).toBe(false);
    expect(await globex.authz.getAuditEvents({ limit: 1 })).toMatchObject([
      { eventType: "tuple_deleted", actorId: alice, requestId: "r-1", reason: "left" },
    ]);
    expect(await home.authz.getAuditEvents()).toEqual([]);
  });

  it("joins a transaction and is undone with it", async () => {
    const grant = { resource: "doc:1", subject: alice, ownerNamespace: globex.namespace };
    const failing = home.transaction(async (tx) => {
      await tx.authz.leaveExternalResource("read", grant);
      await tx.authz.grant("read", { resource: "doc:copy", subject: alice });
      throw new Error("changed her mind");
    });
    await expect(failing).rejects.toThrow("changed her mind");
    expect(await globex.authz.check(alice, "read", "doc:1")).toBe(true);
    expect(await home.authz.check(alice, "read", "doc:copy")).toBe(false);
  });

  it("writes what follows in the transaction to the own tenant", async () => {
    await home.transaction(async (tx) => {
      await tx.authz.leaveExternalResource("read", {
        resource: "doc:1",
        subject: alice,
        ownerNamespace: globex.namespace,
      });
      const { rows } = await tx.query(
        "select authz.write('doc', 'plain', 'read', 'user', 'x') is not null as written",
      );
      expect(rows).toEqual([{ written: true }]);
    });
    expect(await home.authz.check("user:x", "read", "doc:plain")).toBe(true);
    expect(await globex.authz.check("user:x", "read", "doc:plain")).toBe(false);
  });
});

describe("withViewer", () => {
  it("binds a client to one subject, who alone may list and leave", async () => {
    const mine = home.authz.withViewer(alice);
    const ownerNamespace = globex.namespace;
    expect(idsOf(await mine.listExternalResources(alice, "doc", "read"))).toEqual(["2", "1"]);
    expect(await codeOf(mine.listExternalResources(bob, "doc", "read"))).toBe(
      "BIZ_VIEWER_MISMATCH",
    );
    const bobs = { resource: "doc:3", subject: bob, ownerNamespace };
    expect(await codeOf(mine.leaveExternalResource("read", bobs))).toBe("BIZ_VIEWER_MISMATCH");
    const hers = { resource: "doc:1", subject: alice, ownerNamespace };
    expect(await mine.leaveExternalResource("read", hers)).toBe(true);
    const other = mine.withViewer(bob);
    expect(idsOf(await other.listExternalResources(bob, "doc", "read"))).toEqual(["3"]);
  });

  it("widens no other call", async () => {
    const mine = home.authz.withViewer(alice);
    expect(await mine.check(alice, "read", "doc:1")).toBe(false);
    expect(await mine.listGrants(alice)).toEqual([]);
    await mine.grant("read", { resource: "doc:1", subject: alice });
    expect(await mine.listGrants(alice)).toHaveLength(1);
    expect(await mine.check(alice, "read", "doc:1")).toBe(true);
    expect(await mine.revoke("read", { resource: "doc:1", subject: alice })).toBe(true);
    expect(await globex.authz.check(alice, "read", "doc:1")).toBe(true);
  });

  it("keeps the actor of its handle", async () => {
    const mine = home.withActor({ actorId: "user:admin" }).authz.withViewer(alice);
    await mine.grant("read", { resource: "doc:9", subject: alice });
    expect(await mine.getAuditEvents()).toMatchObject([{ actorId: "user:admin" }]);
  });

  it("refuses at once what is no subject", () => {
    for (const viewer of ["alice", "team:eng#member"]) {
      expect(() => home.authz.withViewer(viewer)).toThrow(/^viewer must be/);
    }
  });

  it("leaves nothing on the connection, after an answer and after a refusal", async () => {
    const mine = home.authz.withViewer(alice);
    await mine.listExternalResources(alice, "doc", "read");
    await codeOf(mine.listExternalResources(bob, "doc", "read"));
    expect((await pool.query(viewerSettings)).rows).toEqual([{ settings: "" }]);
    const { rows } = await pool.query(
      "select current_setting('postkit.maintenance', true) as maintenance",
    );
    expect(rows).toEqual([{ maintenance: "" }]);
    expect(pool.totalCount).toBe(1);
  });

  it("keeps two viewers of one transaction apart, and a plain client from either", async () => {
    await home.transaction(async (tx) => {
      const [first, second] = [tx.authz.withViewer(alice), tx.authz.withViewer(bob)];
      const settings = async () => (await tx.query(viewerSettings)).rows;
      expect(idsOf(await first.listExternalResources(alice, "doc", "read"))).toEqual(["2", "1"]);
      expect(idsOf(await second.listExternalResources(bob, "doc", "read"))).toEqual(["3"]);
      await tx.authz.check(alice, "read", "doc:1");
      expect(await settings()).toEqual([{ settings: home.namespace }]);
      await first.check(alice, "read", "doc:1");
      await tx.transaction(async (inner) => {
        await inner.authz.withViewer(bob).check(bob, "read", "doc:1");
      });
      const refused = tx.transaction((inner) =>
        inner.authz.withViewer(alice).listExternalResources(bob, "doc", "read"),
      );
      expect(await codeOf(refused)).toBe("BIZ_VIEWER_MISMATCH");
      expect(idsOf(await first.listExternalResources(alice, "doc", "read"))).toEqual(["2", "1"]);
    });
    expect((await pool.query(viewerSettings)).rows).toEqual([{ settings: "" }]);
  });

  it("keeps viewers on many connections apart, with named statements as well", async () => {
    const shared = createPostkit({
      db: db.app,
      namespace: home.namespace,
      modules: { authz },
      prepare: true,
    });
    const answers = await race(20, (index) => {
      const viewer = index % 2 === 0 ? alice : bob;
      return shared.authz.withViewer(viewer).listExternalResources(viewer, "doc", "read");
    });
    const ids = answers.map((answer) => answer.status === "fulfilled" && idsOf(answer.value));
    expect(ids).toEqual(ids.map((_, index) => (index % 2 === 0 ? ["2", "1"] : ["3"])));
    const left = await race(10, () => db.app.query(viewerSettings));
    for (const result of left) {
      expect(result).toMatchObject({ value: { rows: [{ settings: "" }] } });
    }
  });
});

describe.runIf(pgbouncerAvailable())("behind a pooler in transaction mode", () => {
  it("a viewer is seen by no other client that gets the same server connection", async () => {
    await using pooler = await startPgbouncer(db.superUrl, { poolSize: 1 });
    const clients = openPool(pooler.url(db.name, db.appRole), 4);
    try {
      const pooled = createPostkit({ db: clients, namespace: home.namespace, modules: { authz } });
      const answers = await race(12, async (index) => {
        if (index % 3 === 2) return (await clients.query(viewerSettings)).rows;
        const viewer = index % 3 === 0 ? alice : bob;
        return idsOf(await pooled.authz.listExternalResources(viewer, "doc", "read"));
      });
      const values = answers.map((answer) =>
        answer.status === "fulfilled" ? answer.value : answer,
      );
      const expected = [["2", "1"], ["3"], [{ settings: "" }]];
      expect(values).toEqual(values.map((_, index) => expected[index % 3]));
    } finally {
      await clients.end();
    }
  });
});
