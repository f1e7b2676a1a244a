import { authz, authzErrors, type AuditEvent } from "@postkit/authz";
import {
  createPostkit,
  isPostkitError,
  type Postkit,
  type PostkitError,
  type QueryEvent,
} from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession } from "./support/session.ts";

let db: TestDatabase;
let postkit: Postkit<{ authz: typeof authz }>;
let client: typeof postkit.authz;
const calls: QueryEvent[] = [];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  await db.owner.query("create table orders (id int primary key)");
  await db.owner.query(`grant select, insert on orders to ${db.appRole}`);
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(() => {
  tests += 1;
  postkit = createPostkit({
    db: db.app,
    namespace: `tenant ${tests}`,
    modules: { authz },
    onQuery: (event) => calls.push(event),
  });
  client = postkit.authz;
  calls.length = 0;
});

async function refused(work: Promise<unknown>): Promise<PostkitError> {
  const error: unknown = await work.then(
    () => new Error("It was not refused."),
    (reason: unknown) => reason,
  );
  if (!isPostkitError(error, "authz")) throw error;
  return error;
}

const target = { resource: "doc:1", subject: "user:alice" } as const;
const rule = ["doc", "write", "read"] as const;

describe("grant and revoke", () => {
  it("give the id as text, and whether there was something to take", async () => {
    const id = await client.grant("read", target);
    expect(id).toMatch(/^[1-9]\d*$/);
    expect(await client.grant("read", target)).toBe(id);
    expect(await client.revoke("read", target)).toBe(true);
    expect(await client.revoke("read", target)).toBe(false);
  });

  it("take a subject in text or in parts, alone or as the holders of a relation", async () => {
    const text = await client.grant("read", { resource: "doc:1", subject: "team:eng#member" });
    const parts = await client.grant("read", {
      resource: { type: "doc", id: "1" },
      subject: { type: "team", id: "eng", relation: "member" },
    });
    const plain = await client.grant("read", {
      resource: "doc:1",
      subject: { type: "team", id: "eng" },
    });
    expect([parts === text, plain === text]).toEqual([true, false]);
    expect(await client.revoke("read", { resource: "doc:1", subject: "team:eng" })).toBe(true);
    expect(await client.revoke("read", { resource: "doc:1", subject: "team:eng#member" })).toBe(
      true,
    );
  });

  it("keep ids with colons and hashes whole", async () => {
    const resource = { type: "url", id: "https://a.example/b#c:d" };
    const subject = { type: "user", id: "oidc|a#b:c" };
    await client.grant("read", { resource, subject });
    expect(await client.check(subject, "read", resource)).toBe(true);
    expect(await client.check(subject, "read", "url:https://a.example/b#c:d")).toBe(true);
    expect(await client.check(subject, "read", "url:https://a.example/b")).toBe(false);
  });

  it("let a grant end at a Date, to the millisecond", async () => {
    const expiresAt = new Date("2999-12-31T23:59:59.987Z");
    await client.grant("read", { ...target, expiresAt });
    expect(await client.getAuditEvents()).toMatchObject([{ expiresAt }]);
    const error = await refused(
      client.grant("read", { ...target, resource: "doc:2", expiresAt: new Date(0) }),
    );
    expect(error).toMatchObject({
      code: "VAL_EXPIRATION_FUTURE",
      sqlstate: authzErrors.VAL_EXPIRATION_FUTURE,
    });
  });

  it("refuse what is no reference before anything is sent", async () => {
    for (const work of [
      () => client.grant("read", { ...target, resource: "doc" }),
      () => client.grant("read", { ...target, subject: "alice" }),
      () => client.revoke("read", { ...target, resource: "" }),
      () => client.check("alice", "read", "doc:1"),
      () => client.checkAny("user:alice", ["read"], "doc"),
      () => client.checkAll("user:alice", ["read"], "doc"),
      () => client.getAuditEvents({ resource: "doc" }),
      () => client.getAuditEvents({ subject: "alice" }),
    ]) {
      expect(await refused(work())).toMatchObject({
        code: "VAL_IDENTIFIER_FORMAT",
        sqlstate: "22023",
      });
    }
    expect(calls).toEqual([]);
  });

  it("refuse an invalid Date and text that is no Unicode with core's codes", async () => {
    const date = client.grant("read", { ...target, expiresAt: new Date("never") });
    await expect(date).rejects.toMatchObject({ module: "core", code: "VAL_ARGUMENT" });
    const text = client.grant("read", { ...target, subject: "user:\ud800" });
    await expect(text).rejects.toMatchObject({ module: "core", code: "VAL_TEXT_ENCODING" });
  });
});

describe("check, checkAny and checkAll", () => {
  beforeEach(async () => {
    await client.grant("read", target);
    await client.grant("write", { resource: "doc:1", subject: "team:eng#member" });
    await client.grant("member", { resource: "team:eng", subject: "user:alice" });
  });

  it("answer with booleans", async () => {
    expect([
      await client.check("user:alice", "read", "doc:1"),
      await client.check({ type: "user", id: "alice" }, "write", { type: "doc", id: "1" }),
      await client.check("user:alice", "delete", "doc:1"),
      await client.checkAny("user:alice", ["delete", "write"], "doc:1"),
      await client.checkAny("user:alice", [], "doc:1"),
      await client.checkAll("user:alice", ["read", "write", "read"], "doc:1"),
      await client.checkAll("user:alice", ["read", "delete"], "doc:1"),
      await client.checkAll("user:alice", [], "doc:1"),
    ]).toEqual([true, true, false, true, false, true, false, true]);
  });

  it("send permissions that look like array syntax as they are", async () => {
    const odd = ["a,b", '"', "\\", "{}", "NULL", "", " "];
    expect(await client.checkAny("user:alice", odd, "doc:1")).toBe(false);
    expect(await client.checkAny("user:alice", [...odd, "read"], "doc:1")).toBe(true);
  });

  it("refuse to ask for the holders of a relation, who are many", async () => {
    for (const work of [
      client.check("team:eng#member", "write", "doc:1"),
      client.checkAny("team:eng#member", ["write"], "doc:1"),
      client.checkAll("team:eng#member", ["write"], "doc:1"),
    ]) {
      expect(await refused(work)).toMatchObject({ code: "VAL_ID_INVALID_CHARS" });
    }
  });
});

describe("the rules", () => {
  it("are added once, removed once and cleared by the type", async () => {
    const id = await client.addHierarchy(...rule);
    expect(id).toMatch(/^[1-9]\d*$/);
    expect(await client.addHierarchy(...rule)).toBe(id);
    await client.grant("write", target);
    expect(await client.check("user:alice", "read", "doc:1")).toBe(true);
    expect(await client.removeHierarchy(...rule)).toBe(true);
    expect(await client.removeHierarchy(...rule)).toBe(false);
    await client.addHierarchy(...rule);
    await client.addHierarchy("doc", "write", "list");
    expect(await client.clearHierarchy("doc")).toBe(2);
    expect(await client.clearHierarchy("doc")).toBe(0);
  });

  it("are set as one chain, in one statement", async () => {
    expect(await client.setHierarchy("doc", "owner", "write", "read")).toBe(2);
    expect(calls.map(({ name }) => name)).toEqual(["authz.set_hierarchy"]);
    await client.grant("owner", target);
    expect(await client.check("user:alice", "read", "doc:1")).toBe(true);
  });

  it("that close a loop are refused with a code of their own", async () => {
    await client.addHierarchy(...rule);
    const work = client.addHierarchy("doc", "read", "write");
    expect(await refused(work)).toMatchObject({ code: "BIZ_CYCLE_HIERARCHY", sqlstate: "PK001" });
  });
});

describe("getAuditEvents", () => {
  it.each([1.5, Number.NaN, 2 ** 31])("refuses %s as a limit before it asks", async (limit) => {
    await expect(client.getAuditEvents({ limit })).rejects.toMatchObject({
      module: "core",
      code: "VAL_ARGUMENT",
    });
  });

  it("gives each event in the words of the client", async () => {
    const actor = {
      actorId: "user:admin",
      requestId: "r-1",
      onBehalfOf: "user:boss",
      reason: "ticket 42",
    };
    const { authz: audited } = postkit.withActor(actor);
    const tupleId = await audited.grant("read", { resource: "doc:1", subject: "team:eng#member" });
    const [event] = await client.getAuditEvents();
    expect(event).toEqual({
      id: expect.stringMatching(/^\d+$/),
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      eventType: "tuple_created",
      eventTime: expect.any(Date),
      ...actor,
      sessionUserName: db.appRole,
      currentUserName: db.appRole,
      clientAddr: expect.anything(),
      applicationName: expect.any(String),
      resource: { type: "doc", id: "1" },
      relation: "read",
      subject: { type: "team", id: "eng", relation: "member" },
      tupleId,
      expiresAt: null,
      cursor: expect.any(String),
    });
  });

  it("gives pages that follow each other, under each filter", async () => {
    for (const id of ["1", "2", "3"])
      await client.grant("read", { resource: `doc:${id}`, subject: "user:alice" });
    await postkit
      .withActor({ actorId: "user:admin" })
      .authz.grant("read", { resource: "doc:4", subject: "user:bob" });
    await client.revoke("read", { resource: "doc:1", subject: "user:alice" });
    const ids = (events: AuditEvent[]) => events.map(({ resource }) => resource.id);
    const first = await client.getAuditEvents({ limit: 2 });
    const second = await client.getAuditEvents({ limit: 2, before: first.at(-1)?.cursor });
    const third = await client.getAuditEvents({ limit: 2, before: second.at(-1)?.cursor });
    expect([first, second, third].map(ids)).toEqual([["1", "4"], ["3", "2"], ["1"]]);
    expect(ids(await client.getAuditEvents({ eventType: "tuple_deleted" }))).toEqual(["1"]);
    expect(ids(await client.getAuditEvents({ actorId: "user:admin" }))).toEqual(["4"]);
    expect(ids(await client.getAuditEvents({ resource: "doc:1" }))).toEqual(["1", "1"]);
    expect(ids(await client.getAuditEvents({ subject: "user:bob" }))).toEqual(["4"]);
    expect(ids(await client.getAuditEvents({ resourceType: "doc", limit: 1 }))).toEqual(["1"]);
    expect(ids(await client.getAuditEvents({ resourceType: "team" }))).toEqual([]);
    expect(ids(await client.getAuditEvents({ subjectType: "user", limit: 2 }))).toEqual(["1", "4"]);
    expect(ids(await client.getAuditEvents({ subjectType: "hierarchy" }))).toEqual([]);
    expect(
      ids(
        await client.getAuditEvents({
          subject: "user:alice",
          eventType: "tuple_created",
          limit: 1,
        }),
      ),
    ).toEqual(["3"]);
  });

  it("refuses a cursor that is none", async () => {
    expect(await refused(client.getAuditEvents({ before: "first" }))).toMatchObject({
      code: "VAL_CURSOR_INVALID",
    });
  });
});

describe("the partitions of the audit", () => {
  it("are made and dropped by the owner, for no tenant", async () => {
    const { authz: owner } = createPostkit({
      db: db.owner,
      modules: { authz },
      onQuery: (event) => calls.push(event),
    });
    expect(await owner.createAuditPartition({ year: 2001, month: 2 })).toBe(
      "audit_events_y2001m02",
    );
    expect(await owner.createAuditPartition({ year: 2001, month: 2 })).toBeNull();
    expect(await owner.ensureAuditPartitions()).toEqual([]);
    expect(await owner.ensureAuditPartitions({ monthsAhead: 5 })).toEqual([
      expect.stringMatching(/^audit_events_y\d{4}m\d{2}$/),
      expect.stringMatching(/^audit_events_y\d{4}m\d{2}$/),
    ]);
    expect(await owner.dropAuditPartitions({ olderThanMonths: 1200 })).toEqual([]);
    expect(await owner.dropAuditPartitions()).toEqual(["audit_events_y2001m02"]);
    expect(calls.map(({ name, rowCount }) => `${name} ${rowCount}`)).toEqual([
      "authz.create_audit_partition 1",
      "authz.create_audit_partition 1",
      "authz.ensure_audit_partitions 0",
      "authz.ensure_audit_partitions 2",
      "authz.drop_audit_partitions 0",
      "authz.drop_audit_partitions 1",
    ]);
  });

  it("are made in a transaction of the client as well", async () => {
    const owner = createPostkit({ db: db.owner, namespace: "acme", modules: { authz } });
    const undone = owner.transaction(async (tx) => {
      await tx.authz.createAuditPartition({ year: 2001, month: 3 });
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    expect(await owner.authz.createAuditPartition({ year: 2001, month: 3 })).not.toBeNull();
    await owner.authz.dropAuditPartitions();
  });

  it("are out of reach for the application", async () => {
    for (const work of [
      () => client.createAuditPartition({ year: 2001, month: 2 }),
      () => client.ensureAuditPartitions(),
      () => client.dropAuditPartitions(),
    ]) {
      await expect(work()).rejects.toMatchObject({ module: "core", code: "BIZ_NOT_GRANTED" });
    }
  });

  it.each([1.5, Number.NaN, 2 ** 31])("are not asked for with %s as a number", async (number) => {
    for (const work of [
      () => client.createAuditPartition({ year: number, month: 1 }),
      () => client.createAuditPartition({ year: 2001, month: number }),
      () => client.ensureAuditPartitions({ monthsAhead: number }),
      () => client.dropAuditPartitions({ olderThanMonths: number }),
    ]) {
      await expect(work()).rejects.toMatchObject({ module: "core", code: "VAL_ARGUMENT" });
    }
  });
});

describe("getStats and verifyIntegrity", () => {
  it("count what there is, as text", async () => {
    await client.grant("read", target);
    await client.grant("read", { ...target, resource: "doc:2" });
    await client.addHierarchy(...rule);
    expect(await client.getStats()).toEqual({
      tupleCount: "2",
      hierarchyRuleCount: "1",
      uniqueUsers: "1",
      uniqueResources: "2",
    });
  });

  it("find nothing where all is well, and a cycle that raw SQL made", async () => {
    expect(await client.verifyIntegrity()).toEqual([]);
    await client.grant("member", { resource: "team:b", subject: "team:a" });
    await using session = await openSession(db.app, `tenant ${tests}`);
    await session.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ($1, 'team', 'a', 'member', 'team', 'b')`,
      [`tenant ${tests}`],
    );
    expect(await client.verifyIntegrity()).toEqual([
      {
        resourceType: "system",
        resourceId: "group_cycles",
        status: "warning",
        details: "groups are members of each other: team:a in team:b in team:a",
      },
    ]);
  });
});

describe("a transaction", () => {
  it("of the client commits grants and the application's own rows together, or none", async () => {
    await postkit.transaction(async (tx) => {
      await tx.query("insert into orders (id) values ($1)", [tests]);
      await tx.authz.grant("owner", { resource: `order:${tests}`, subject: "user:alice" });
      expect(await tx.authz.check("user:alice", "owner", `order:${tests}`)).toBe(true);
      expect(await client.check("user:alice", "owner", `order:${tests}`)).toBe(false);
    });
    expect(await client.check("user:alice", "owner", `order:${tests}`)).toBe(true);
    const failing = postkit.transaction(async (tx) => {
      await tx.authz.grant("owner", { resource: "order:lost", subject: "user:alice" });
      await tx.query("insert into orders (id) values ($1)", [tests]);
    });
    await expect(failing).rejects.toMatchObject({ code: "23505" });
    expect(await client.check("user:alice", "owner", "order:lost")).toBe(false);
    expect(await client.getAuditEvents()).toHaveLength(1);
  });

  it("of the application's own is joined, and ends as the application ends it", async () => {
    await using session = await openSession(db.app);
    for (const [end, answer] of [
      ["rollback", false],
      ["commit", true],
    ] as const) {
      await session.query("begin");
      const { authz: joined } = postkit.on(session.client);
      await joined.grant("read", target);
      expect(await joined.check("user:alice", "read", "doc:1")).toBe(true);
      await session.query(end);
      expect(await client.check("user:alice", "read", "doc:1")).toBe(answer);
    }
  });

  it("goes on behind a savepoint after a refusal", async () => {
    await postkit.transaction(async (tx) => {
      await tx.authz.grant("member", { resource: "team:b", subject: "team:a" });
      const work = tx.transaction((inner) =>
        inner.authz.grant("member", { resource: "team:a", subject: "team:b" }),
      );
      expect(await refused(work)).toMatchObject({ code: "BIZ_CYCLE_GROUP" });
      await tx.authz.grant("member", { resource: "team:a", subject: "user:alice" });
    });
    expect(await client.check("user:alice", "member", "team:b")).toBe(true);
  });

  it("keeps two actors and two tenants apart", async () => {
    await postkit.transaction(async (tx) => {
      await tx
        .withActor({ actorId: "user:admin", reason: "ticket 42" })
        .authz.grant("read", target);
      await tx.authz.grant("write", target);
      await tx.withNamespace(`tenant ${tests} neighbour`).authz.grant("read", target);
      expect(await tx.authz.check("user:alice", "write", "doc:1")).toBe(true);
    });
    expect(await client.getAuditEvents()).toMatchObject([
      { relation: "write", actorId: null, reason: null },
      { relation: "read", actorId: "user:admin", reason: "ticket 42" },
    ]);
  });
});

describe("a call", () => {
  it("is one statement with the function's name, told to the hook", async () => {
    await client.grant("read", target);
    await client.check("user:alice", "read", "doc:1");
    expect(calls.map(({ name, rowCount }) => [name, rowCount])).toEqual([
      ["authz.write_tuple", 1],
      ["authz.check", 1],
    ]);
  });

  it("is given up when its signal or its time says so, and the client goes on", async () => {
    await using session = await openSession(db.app, `tenant ${tests}`);
    await session.query("begin");
    await session.grant({ resource: "team:b", relation: "member", subject: "team:a" });
    const edge = { resource: "team:c", subject: "team:b" };
    await expect(client.grant("member", { ...edge, timeoutMs: 50 })).rejects.toMatchObject({
      code: "SYS_TIMEOUT",
    });
    await expect(
      client.grant("member", { ...edge, signal: AbortSignal.timeout(50) }),
    ).rejects.toMatchObject({
      code: "SYS_ABORTED",
    });
    await session.query("rollback");
    expect(await client.grant("member", edge)).toMatch(/^\d+$/);
  });

  it("leaves nothing on the connection", async () => {
    await postkit.withActor({ actorId: "user:admin" }).authz.grant("read", target);
    const { rows } = await db.app.query(
      `select nullif(current_setting('postkit.tenant_id', true), '') as tenant,
         nullif(current_setting('postkit.actor_id', true), '') as actor`,
    );
    expect(rows).toEqual([{ tenant: null, actor: null }]);
  });
});
