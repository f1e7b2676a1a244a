import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, refusalOf, tupleArguments, type Session } from "./support/session.ts";

const future = "2999-01-01T00:00:00.000Z";
const later = "2999-06-01T00:00:00.000Z";
const past = "2001-01-01T00:00:00.000Z";
const composed = "caf\u00e9";
const decomposed = "cafe\u0301";

let db: TestDatabase;
let app: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  const session = await openSession(db.app, `tenant ${tests}`);
  app = session;
  return () => session[Symbol.asyncDispose]();
});

const grant = { resource: "doc:1", relation: "read", subject: "user:alice" };

interface TupleRow {
  id: string;
  resource_id: string;
  subject_id: string;
  subject_relation: string | null;
  expires_at: Date | null;
}

async function stored(): Promise<TupleRow[]> {
  const { rows } = await app.query<TupleRow>(
    "select id, resource_id, subject_id, subject_relation, expires_at from authz.tuples order by id",
  );
  return rows;
}

async function events(): Promise<string[]> {
  const rows = await app.rows<{ event_type: string }>("get_audit_events");
  return rows.map(({ event_type: type }) => type).reverse();
}

/** As if the time had come. */
async function letEnd(): Promise<void> {
  await app.query("update authz.tuples set expires_at = $1", [past]);
}

describe("write_tuple", () => {
  it("gives the id of the tuple, as text that keeps all its digits", async () => {
    const id = await app.grant(grant);
    expect(id).toMatch(/^[1-9][0-9]*$/);
    expect((await stored())[0]?.id).toBe(id);
  });

  it("takes its arguments by position, as the contract has them", async () => {
    await app.query(
      "select authz.write_tuple('doc', '1', 'read', 'team', 'eng', 'admin', $1, $2)",
      [`tenant ${tests}`, future],
    );
    await app.query("select authz.write('doc', '1', 'read', 'team', 'eng', $1, $2)", [
      `tenant ${tests}`,
      later,
    ]);
    const rows = await stored();
    expect(rows.map((row) => [row.subject_relation, row.expires_at?.toISOString()])).toEqual([
      ["admin", future],
      [null, later],
    ]);
  });

  it("falls back to the namespace 'default' for a role that row level security does not bind", async () => {
    await using root = await openSession(db.super);
    await root.grant(grant);
    const { rows } = await root.query(
      "delete from authz.tuples where namespace = 'default' returning namespace",
    );
    expect(rows).toEqual([{ namespace: "default" }]);
  });

  it("gives the same id again, and writes no second row and no second event", async () => {
    const ids = [await app.grant(grant), await app.grant(grant), await app.grant(grant)];
    expect(new Set(ids).size).toBe(1);
    expect(await stored()).toHaveLength(1);
    expect(await events()).toEqual(["tuple_created"]);
  });

  it("treats a null and an empty subject_relation as one key", async () => {
    const args = tupleArguments({ ...grant, subject: "team:eng" });
    const plain = await app.call("write_tuple", args);
    const empty = await app.call("write_tuple", { ...args, p_subject_relation: "" });
    const short = await app.call("write", args);
    expect([empty, short]).toEqual([plain, plain]);
    expect(await stored()).toMatchObject([{ subject_relation: null }]);
  });

  it("keeps a subject with a relation apart from the subject itself", async () => {
    const plain = await app.grant({ ...grant, subject: "team:eng" });
    const members = await app.grant({ ...grant, subject: "team:eng#member" });
    const admins = await app.grant({ ...grant, subject: "team:eng#admin" });
    expect(new Set([plain, members, admins]).size).toBe(3);
  });

  it("keeps the stored expiry of a live grant, whatever the new one is", async () => {
    const id = await app.grant({ ...grant, expiresAt: future });
    for (const expiresAt of [later, null, past]) {
      expect(await app.grant({ ...grant, expiresAt })).toBe(id);
    }
    expect((await stored())[0]?.expires_at).toEqual(new Date(future));
    expect(await events()).toEqual(["tuple_created"]);
  });

  it("keeps a permanent grant permanent", async () => {
    await app.grant(grant);
    await app.grant({ ...grant, expiresAt: future });
    expect((await stored())[0]?.expires_at).toBeNull();
  });

  it("refuses a past expiry only where a row would come of it", async () => {
    expect(await refusalOf(app.grant({ ...grant, expiresAt: past }))).toMatchObject({
      code: "VAL_EXPIRATION_FUTURE",
    });
    expect(await stored()).toEqual([]);
    const id = await app.grant(grant);
    expect(await app.grant({ ...grant, expiresAt: past })).toBe(id);
  });

  it("refuses an expiry that is this very moment: it would never be seen", async () => {
    await app.query("begin");
    const work = app.query(
      "select authz.write('doc', '1', 'read', 'user', 'alice', p_expires_at => now())",
    );
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_EXPIRATION_FUTURE" });
    await app.query("rollback");
  });

  it.each([
    ["with the new expiry", later],
    ["for good", null],
  ])("revives a grant that has ended %s", async (_, expiresAt) => {
    const id = await app.grant({ ...grant, expiresAt: future });
    await letEnd();
    expect(await app.check("user:alice", "read", "doc:1")).toBe(false);
    expect(await app.grant({ ...grant, expiresAt })).toBe(id);
    expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
    expect((await stored())[0]?.expires_at).toEqual(
      expiresAt === null ? null : new Date(expiresAt),
    );
    expect((await events()).at(-1)).toBe("tuple_updated");
  });

  it("leaves a grant that has ended as it is when the new expiry is past as well", async () => {
    await app.grant({ ...grant, expiresAt: future });
    await letEnd();
    expect(await refusalOf(app.grant({ ...grant, expiresAt: past }))).toMatchObject({
      code: "VAL_EXPIRATION_FUTURE",
    });
    expect((await stored())[0]?.expires_at).toEqual(new Date(past));
  });

  it("says infinity for a grant that is written to last for ever", async () => {
    await app.grant({ ...grant, expiresAt: "infinity" });
    expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
  });

  it("lets users be in each other's groups, since cycles need groups", async () => {
    await app.grant({ resource: "team:a", relation: "member", subject: "user:a" });
    await app.grant({ resource: "team:b", relation: "member", subject: "user:a" });
    expect(await stored()).toHaveLength(2);
  });

  it("sees a cycle over edges that have ended, since they may be revived", async () => {
    await app.grant({
      resource: "team:b",
      relation: "member",
      subject: "team:a",
      expiresAt: future,
    });
    await letEnd();
    const back = { resource: "team:a", relation: "member", subject: "team:b" };
    expect(await refusalOf(app.grant(back))).toMatchObject({ code: "BIZ_CYCLE_GROUP" });
  });

  it("sees a cycle that is longer than a check would follow", async () => {
    await app.query(
      "select authz.write('team', 't' || i, 'member', 'team', 't' || i + 1) from generate_series(1, 120) i",
    );
    const back = { resource: "team:t121", relation: "member", subject: "team:t1" };
    expect(await refusalOf(app.grant(back))).toMatchObject({ code: "BIZ_CYCLE_GROUP" });
  });

  it("takes an edge back to a group that it no longer reaches", async () => {
    const there = { resource: "team:b", relation: "member", subject: "team:a" };
    await app.grant(there);
    await app.revoke(there);
    await app.grant({ resource: "team:a", relation: "member", subject: "team:b" });
    expect(await stored()).toHaveLength(1);
  });

  it("keeps the graphs of groups, of resources and of tenants apart", async () => {
    await app.grant({ resource: "folder:b", relation: "parent", subject: "folder:a" });
    await app.grant({ resource: "folder:b", relation: "member", subject: "folder:a" });
    await app.grant({ resource: "folder:a", relation: "read", subject: "folder:b" });
    await app.useTenant(`tenant ${tests} neighbour`);
    await app.grant({ resource: "folder:a", relation: "parent", subject: "folder:b" });
    expect(await stored()).toHaveLength(1);
  });

  it("undoes all of itself when the transaction is rolled back", async () => {
    await app.query("begin");
    await app.grant(grant);
    await app.query("rollback");
    expect(await stored()).toEqual([]);
    expect(await events()).toEqual([]);
  });
});

describe("delete_tuple", () => {
  it("tells whether there was such a grant", async () => {
    await app.grant(grant);
    expect([await app.revoke(grant), await app.revoke(grant)]).toEqual([true, false]);
    expect(await events()).toEqual(["tuple_created", "tuple_deleted"]);
  });

  it("deletes nothing but that grant", async () => {
    const others = [
      { ...grant, resource: "doc:2" },
      { ...grant, resource: "file:1" },
      { ...grant, relation: "write" },
      { ...grant, subject: "user:bob" },
      { ...grant, subject: "team:alice" },
      { ...grant, subject: "user:alice#member" },
    ];
    for (const other of others) await app.grant(other);
    expect(await app.revoke(grant)).toBe(false);
    expect(await stored()).toHaveLength(others.length);
  });

  it("treats a null and an empty subject_relation as one key", async () => {
    const args = tupleArguments({ ...grant, subject: "team:eng" });
    await app.call("write_tuple", args);
    expect(await app.call("delete_tuple", { ...args, p_subject_relation: "" })).toBe(true);
    await app.call("write_tuple", { ...args, p_subject_relation: "" });
    expect(await app.call("delete", args)).toBe(true);
  });

  it("deletes a grant that has ended", async () => {
    await app.grant({ ...grant, expiresAt: future });
    await letEnd();
    expect(await app.revoke(grant)).toBe(true);
  });

  it("takes its arguments by position, as the contract has them", async () => {
    const namespace = `tenant ${tests}`;
    await app.grant({ ...grant, subject: "team:eng#admin" });
    await app.grant({ ...grant, subject: "team:eng" });
    const { rows } = await app.query(
      `select authz.delete_tuple('doc', '1', 'read', 'team', 'eng', 'admin', $1) as userset,
         authz.delete('doc', '1', 'read', 'team', 'eng', $1) as plain`,
      [namespace],
    );
    expect(rows).toEqual([{ userset: true, plain: true }]);
  });
});

describe("ids in different Unicode spellings", () => {
  it("are one id, which is stored once", async () => {
    const first = await app.grant({
      ...grant,
      resource: `doc:${composed}`,
      subject: `user:${decomposed}`,
    });
    const second = await app.grant({
      ...grant,
      resource: `doc:${decomposed}`,
      subject: `user:${composed}`,
    });
    expect(second).toBe(first);
    expect(await stored()).toHaveLength(1);
  });

  it.each([
    [composed, composed],
    [composed, decomposed],
    [decomposed, composed],
    [decomposed, decomposed],
  ])("are found by every spelling: %j for %j", async (written, asked) => {
    await app.grant({ ...grant, resource: `doc:${written}`, subject: `user:${written}` });
    const answer = await app.check(`user:${asked}`, "read", `doc:${asked}`);
    const args = {
      p_subject_type: "user",
      p_subject_id: asked,
      p_resource_type: "doc",
      p_resource_id: asked,
    };
    const any = await app.call("check_any", { ...args, p_permissions: ["read"] });
    const all = await app.call("check_all", { ...args, p_permissions: ["read"] });
    const pages = [
      await app.rows("get_audit_events", { p_resource_type: "doc", p_resource_id: asked }),
      await app.rows("get_audit_events", { p_subject_type: "user", p_subject_id: asked }),
    ];
    expect([answer, any, all, ...pages.map((page) => page.length)]).toEqual([
      true,
      true,
      true,
      1,
      1,
    ]);
    expect(await app.revoke({ ...grant, resource: `doc:${asked}`, subject: `user:${asked}` })).toBe(
      true,
    );
  });

  it("connect groups and containers", async () => {
    await app.grant({ resource: `team:${composed}`, relation: "member", subject: "user:alice" });
    await app.grant({
      resource: `folder:${decomposed}`,
      relation: "read",
      subject: `team:${decomposed}#member`,
    });
    await app.grant({ resource: "doc:1", relation: "parent", subject: `folder:${composed}` });
    expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
  });

  it("come back as they were sent", async () => {
    await app.grant({ ...grant, resource: `doc:${decomposed}`, subject: `user:${composed}` });
    const [event] = await app.rows("get_audit_events");
    expect(event).toMatchObject({ resource_id: decomposed, subject_id: composed });
    const { rows } = await app.query(
      "select resource_id, resource_id_raw, subject_id, subject_id_raw from authz.tuples",
    );
    expect(rows).toEqual([
      {
        resource_id: composed,
        resource_id_raw: decomposed,
        subject_id: composed,
        subject_id_raw: null,
      },
    ]);
  });

  it("stay apart where they only look alike", async () => {
    const different = ["cafe", "Café", "CAFÉ", "caf\u00e9\u200b", "ｃafé", "caf\u0435\u0301"];
    await app.grant({ ...grant, subject: `user:${composed}` });
    for (const id of different) {
      expect(await app.check(`user:${id}`, "read", "doc:1")).toBe(false);
    }
  });
});

describe("a long key", () => {
  /** Random printable ASCII, which no index can compress. */
  const incompressible = (length: number) =>
    Array.from({ length }, () => String.fromCharCode(33 + Math.floor(Math.random() * 94))).join("");
  const identifier = (length: number) =>
    `a${Array.from({ length: length - 1 }, () => "abcdefghijklmnopqrstuvwxyz0123456789_-"[Math.floor(Math.random() * 38)]).join("")}`;

  it.each([
    ["spread over all parts", [400, 400, 300, 400, 300, 400, 400]],
    ["mostly of ids", [4, 276, 1024, 4, 4, 1024, 264]],
    ["mostly of names", [1024, 20, 20, 1024, 256, 128, 128]],
    ["of a namespace above all", [1024, 1, 1, 1024, 548, 1, 1]],
    ["of short parts and two long ones", [100, 126, 1022, 127, 129, 970, 126]],
    ["without a subject_relation", [500, 500, 500, 500, 500, 100, 0]],
  ])("of exactly 2600 bytes, %s, can be stored in every index", async (_, lengths) => {
    expect(lengths.reduce((sum, length) => sum + length)).toBe(2600);
    const [namespace, resourceType, resourceId, relation, subjectType, subjectId, subjectRelation] =
      lengths as [number, number, number, number, number, number, number];
    const tenant = incompressible(namespace);
    await app.useTenant(tenant);
    const args = {
      p_resource_type: identifier(resourceType),
      p_resource_id: incompressible(resourceId),
      p_relation: identifier(relation),
      p_subject_type: identifier(subjectType),
      p_subject_id: incompressible(subjectId),
      p_subject_relation: subjectRelation === 0 ? null : identifier(subjectRelation),
    };
    await app.call("write_tuple", { ...args, p_expires_at: future });
    const { p_relation: p_permission, p_subject_relation, ...pair } = args;
    expect(await app.call("check", { ...pair, p_permission })).toBe(p_subject_relation === null);
    const page = await app.rows("get_audit_events", {
      p_resource_type: args.p_resource_type,
      p_resource_id: args.p_resource_id,
    });
    expect(page).toHaveLength(1);
    expect(await app.call("delete_tuple", args)).toBe(true);
  });

  it("of 2600 bytes in characters of four bytes can be stored", async () => {
    await app.useTenant("acme");
    // acme, doc, read, user: 15 bytes; 2584 of 𝒳 and one of x.
    const args = {
      p_resource_type: "doc",
      p_resource_id: "𝒳".repeat(400),
      p_relation: "read",
      p_subject_type: "user",
    };
    expect(await app.call("write", { ...args, p_subject_id: `${"𝒴".repeat(246)}x` })).toMatch(
      /^\d+$/,
    );
    const refusal = await refusalOf(
      app.call("write", { ...args, p_subject_id: `${"𝒴".repeat(246)}xx` }),
    );
    expect(refusal).toMatchObject({ code: "VAL_KEY_TOO_LONG", sqlstate: "22001" });
  });

  it("is measured as it is stored, in NFC", async () => {
    // Each is two code points once it is normalised: 2 bytes sent, 4 or more stored.
    const growing = "\u0344".repeat(1024);
    const args = {
      p_resource_type: "doc",
      p_relation: "read",
      p_subject_type: "user",
      p_subject_id: "alice",
    };
    const refusal = await refusalOf(
      app.call("write", { ...args, p_resource_id: `a${growing.slice(1)}` }),
    );
    expect(refusal).toMatchObject({ code: "VAL_KEY_TOO_LONG" });
  });

  it("of a rule, of exactly 2600 bytes, can be stored", async () => {
    await app.useTenant(incompressible(300));
    const args = {
      p_resource_type: identifier(300),
      p_permission: identifier(1000),
      p_implies: identifier(1000),
    };
    await app.call("add_hierarchy", args);
    expect(await app.call("remove_hierarchy", args)).toBe(true);
  });

  it("is only not there for a delete", async () => {
    const long = "x".repeat(1024);
    const args = {
      p_resource_type: long,
      p_resource_id: long,
      p_relation: long,
      p_subject_type: long,
    };
    expect(await app.call("delete", { ...args, p_subject_id: long })).toBe(false);
  });

  it.each([
    ["alone", 3000],
    ["with its namespace", 2598],
  ])("of an actor, %s, is refused with the code for keys", async (_, length) => {
    await app.query("begin");
    await app.call("set_actor", { p_actor_id: incompressible(length) });
    expect(await refusalOf(app.grant(grant))).toMatchObject({
      code: "VAL_KEY_TOO_LONG",
      sqlstate: "22001",
    });
    await app.query("rollback");
    expect(await stored()).toEqual([]);
  });

  it("of an actor, of exactly 2600 bytes with its namespace, can be stored", async () => {
    const actor = incompressible(2600 - `tenant ${tests}`.length);
    await app.query("begin");
    await app.call("set_actor", { p_actor_id: actor });
    await app.grant(grant);
    await app.query("commit");
    expect(await app.rows("get_audit_events", { p_actor_id: actor })).toHaveLength(1);
  });
});
