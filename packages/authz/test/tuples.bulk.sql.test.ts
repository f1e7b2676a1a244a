import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, refusalOf, type NamedArguments, type Session } from "./support/session.ts";

const future = "2999-01-01T00:00:00.000Z";
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

/** `doc:1 read user:alice`, and the end where there is one. */
async function stored(): Promise<string[]> {
  const { rows } = await app.query<{ tuple: string; expires_at: Date | null }>(
    `select format('%s:%s %s %s:%s', resource_type, resource_id, relation, subject_type, subject_id)
       || coalesce('#' || subject_relation, '') as tuple, expires_at
     from authz.tuples
     order by 1`,
  );
  return rows.map(({ tuple, expires_at: end }) =>
    end === null ? tuple : `${tuple} until ${end.toISOString()}`,
  );
}

async function events(): Promise<string[]> {
  const rows = await app.rows<{ event_type: string }>("get_audit_events", { p_limit: 1000 });
  return rows.map(({ event_type: type }) => type).reverse();
}

async function letEnd(): Promise<void> {
  await app.query("update authz.tuples set expires_at = $1", [past]);
}

async function graphVersion(): Promise<number> {
  const { rows } = await app.query<{ version: number }>(
    "select coalesce(sum(version), 0)::int as version from authz.graph_state",
  );
  return rows[0]?.version ?? 0;
}

const resource = { p_resource_type: "doc", p_resource_id: "1", p_relation: "read" };
const subject = { p_subject_type: "user", p_subject_id: "alice" };

/** Each bulk function for a number of ids: of subjects, or of resources. */
const bulk: readonly (readonly [
  string,
  (ids: readonly (string | null)[] | null) => NamedArguments,
])[] = [
  ["write_tuples_bulk", (ids) => ({ ...resource, p_subject_type: "user", p_subject_ids: ids })],
  [
    "grant_to_subjects_bulk",
    (ids) => ({ ...resource, p_subject_types: ids?.map(() => "user"), p_subject_ids: ids }),
  ],
  [
    "grant_to_resources_bulk",
    (ids) => ({ p_resource_type: "doc", p_resource_ids: ids, p_relation: "read", ...subject }),
  ],
];

describe.each(bulk)("%s", (name, args) => {
  const grantTo = (ids: readonly (string | null)[] | null) => {
    const { p_subject_types: types = null, ...others } = args(ids);
    return app.call<number>(
      name,
      name === "grant_to_subjects_bulk" ? { ...others, p_subject_types: types } : others,
    );
  };

  it("tells how many grants are new, each of which is recorded once", async () => {
    expect(await grantTo(["b", "a", "c"])).toBe(3);
    expect(await grantTo(["c", "d", "a"])).toBe(1);
    expect(await stored()).toHaveLength(4);
    expect(await events()).toEqual(Array(4).fill("tuple_created"));
  });

  it("takes duplicates as one, in any Unicode spelling, of which the first stays", async () => {
    expect(await grantTo(["a", decomposed, "a", composed])).toBe(2);
    const { rows } = await app.query<{ raw: string }>(
      "select coalesce(resource_id_raw, subject_id_raw) as raw from authz.tuples order by 1",
    );
    expect(rows).toEqual([{ raw: decomposed }, { raw: null }]);
    expect(await grantTo([composed])).toBe(0);
  });

  it.each([[[]], [null]])("grants nothing to %j", async (ids) => {
    expect(await grantTo(ids)).toBe(0);
    expect(await stored()).toEqual([]);
  });

  it("takes 1000, and refuses one more before it writes any", async () => {
    const ids = Array.from({ length: 1000 }, (_, index) => `id${index}`);
    expect(await refusalOf(grantTo([...ids, "more"]))).toMatchObject({
      code: "VAL_BATCH_TOO_LARGE",
    });
    expect(await stored()).toEqual([]);
    expect(await grantTo(ids)).toBe(1000);
    expect(await events()).toHaveLength(1000);
  });

  it("names the place of what it refuses, and writes nothing of the rest", async () => {
    expect(await refusalOf(grantTo(["a", "", "c"]))).toMatchObject({
      code: "VAL_ARRAY_ELEMENT_INVALID",
      message: expect.stringMatching(/^(subject|resource)_ids\[2\] is empty$/),
    });
    expect(await refusalOf(grantTo([null]))).toMatchObject({
      message: expect.stringMatching(/^(subject|resource)_ids\[1\] is null$/),
    });
    expect(await stored()).toEqual([]);
  });

  it("keeps the end of a live grant, and revives an ended one for good", async () => {
    await grantTo(["a", "b"]);
    await app.query("update authz.tuples set expires_at = $1", [future]);
    expect(await grantTo(["a"])).toBe(0);
    await app.query(
      "update authz.tuples set expires_at = $1 where 'b' in (resource_id, subject_id)",
      [past],
    );
    expect(await grantTo(["a", "b", "c"])).toBe(2);
    const ends = (await stored()).map((tuple) => tuple.split(" until ")[1]);
    expect(ends).toEqual([future, undefined, undefined]);
    expect((await events()).slice(-2).sort()).toEqual(["tuple_created", "tuple_updated"]);
  });
});

describe.each([[[]], [null]])("a bulk write to %j", (none) => {
  const toSubjects = { ...resource, p_subject_type: "user", p_subject_ids: none };
  const toAnySubjects = { ...resource, p_subject_types: none, p_subject_ids: none };
  const onResources = { p_resource_type: "doc", p_resource_ids: none, ...subject };

  it.each([
    ["write_tuples_bulk", { ...toSubjects, p_relation: "parent" }],
    ["grant_to_subjects_bulk", { ...toAnySubjects, p_relation: "parent" }],
    ["grant_to_resources_bulk", { ...onResources, p_relation: "parent" }],
  ])("makes no parents either: %s", async (name, args) => {
    expect(await refusalOf(app.call(name, args))).toMatchObject({
      code: "BIZ_BULK_PARENT_RELATION",
    });
  });

  it.each([
    ["write_tuples_bulk", { ...toSubjects, p_relation: "member" }],
    ["grant_to_resources_bulk", { ...onResources, p_relation: "member" }],
  ])("makes no groups members either: %s", async (name, args) => {
    expect(await app.call(name, args)).toBe(0);
    expect(await refusalOf(app.call(name, { ...args, p_subject_type: "team" }))).toMatchObject({
      code: "BIZ_BULK_GROUP_MEMBERSHIP",
    });
  });
});

describe("write_tuples_bulk", () => {
  it("takes its arguments by position, as the contract has them", async () => {
    await app.query("select authz.write_tuples_bulk('team', 'eng', 'member', 'user', $1, $2)", [
      ["alice", "bob"],
      `tenant ${tests}`,
    ]);
    expect(await stored()).toEqual(["team:eng member user:alice", "team:eng member user:bob"]);
  });

  it("makes no structure, and does not wait for any", async () => {
    await app.call("write_tuples_bulk", {
      p_resource_type: "team",
      p_resource_id: "eng",
      p_relation: "member",
      p_subject_type: "user",
      p_subject_ids: ["alice"],
    });
    expect(await graphVersion()).toBe(0);
  });
});

describe("grant_to_resources_bulk", () => {
  it("takes its arguments by position, as the contract has them", async () => {
    await app.query(
      "select authz.grant_to_resources_bulk('doc', $1, 'read', 'team', 'eng', 'member', $2)",
      [["1", "2"], `tenant ${tests}`],
    );
    expect(await stored()).toEqual(["doc:1 read team:eng#member", "doc:2 read team:eng#member"]);
  });

  it("treats a null and an empty subject_relation as one key", async () => {
    const args = { p_resource_type: "doc", p_resource_ids: ["1"], p_relation: "read", ...subject };
    expect(await app.call("grant_to_resources_bulk", args)).toBe(1);
    const empty = { ...args, p_subject_relation: "" };
    expect(await app.call("grant_to_resources_bulk", empty)).toBe(0);
  });
});

describe("grant_to_subjects_bulk", () => {
  it("takes subjects of several types, alone and as the holders of a relation", async () => {
    const args = {
      ...resource,
      p_subject_types: ["user", "team", "team", "team"],
      p_subject_ids: ["alice", "eng", "eng", "eng"],
      p_subject_relations: [null, "member", "", null],
    };
    expect(await app.call("grant_to_subjects_bulk", args)).toBe(3);
    expect(await stored()).toEqual([
      "doc:1 read team:eng",
      "doc:1 read team:eng#member",
      "doc:1 read user:alice",
    ]);
  });
});

describe("transfer_tuple", () => {
  const transfer = (from: string, to: string, more: NamedArguments = {}) =>
    app.call<boolean>("transfer_tuple", {
      ...resource,
      p_from_subject_type: "user",
      p_from_subject_id: from,
      p_to_subject_type: "user",
      p_to_subject_id: to,
      ...more,
    });
  const grantTo = (id: string, expiresAt?: string) =>
    app.grant({
      resource: "doc:1",
      relation: "read",
      subject: `user:${id}`,
      expiresAt: expiresAt ?? null,
    });

  it("moves the grant with its end, as one deleted and one created", async () => {
    await grantTo("alice", future);
    expect(await transfer("alice", "bob")).toBe(true);
    expect(await stored()).toEqual([`doc:1 read user:bob until ${future}`]);
    expect(await events()).toEqual(["tuple_created", "tuple_deleted", "tuple_created"]);
  });

  it("takes its arguments by position, as the contract has them", async () => {
    await grantTo("alice");
    await app.query(
      "select authz.transfer_tuple('doc', '1', 'read', 'user', 'alice', 'team', 'eng', $1)",
      [`tenant ${tests}`],
    );
    expect(await stored()).toEqual(["doc:1 read team:eng"]);
  });

  it("does nothing where there is no such grant", async () => {
    await app.grant({ resource: "doc:1", relation: "write", subject: "user:alice" });
    await app.grant({ resource: "doc:1", relation: "read", subject: "user:alice#member" });
    expect(await transfer("alice", "bob")).toBe(false);
    expect(await stored()).toHaveLength(2);
  });

  it("does nothing with a grant that is over", async () => {
    await grantTo("alice", future);
    await letEnd();
    expect(await transfer("alice", "bob")).toBe(false);
    expect(await transfer("alice", "alice")).toBe(false);
    expect(await stored()).toEqual([`doc:1 read user:alice until ${past}`]);
  });

  it("leaves a live grant of the new subject its own end", async () => {
    await grantTo("alice");
    await grantTo("bob", future);
    expect(await transfer("alice", "bob")).toBe(true);
    expect(await stored()).toEqual([`doc:1 read user:bob until ${future}`]);
    expect((await events()).slice(2)).toEqual(["tuple_deleted"]);
  });

  it("revives an ended grant of the new subject with the end of the old one", async () => {
    await grantTo("bob", future);
    await letEnd();
    await grantTo("alice", future);
    expect(await transfer("alice", "bob")).toBe(true);
    expect(await stored()).toEqual([`doc:1 read user:bob until ${future}`]);
  });

  it("to the same subject, in whatever spelling, tells whether the grant is there", async () => {
    expect(await transfer(composed, decomposed)).toBe(false);
    await grantTo(composed);
    expect(await transfer(composed, decomposed)).toBe(true);
    expect(await events()).toEqual(["tuple_created"]);
  });

  it("tells whether the grant is there before it tests whether the edge may be", async () => {
    const member = {
      p_resource_type: "team",
      p_resource_id: "a",
      p_relation: "member",
      p_from_subject_type: "team",
      p_to_subject_type: "team",
    };
    const parent = { ...member, p_relation: "parent" };
    await app.grant({ resource: "team:b", relation: "member", subject: "team:a" });
    for (const edge of [member, parent]) {
      expect(await transfer("nosuch", "a", edge)).toBe(false);
      expect(await transfer("a", "a", edge)).toBe(false);
    }
    expect(await transfer("nosuch", "b", member)).toBe(false);
    await app.grant({ resource: "team:a", relation: "member", subject: "team:x" });
    expect(await refusalOf(transfer("x", "a", member))).toMatchObject({
      code: "BIZ_SELF_MEMBERSHIP",
    });
    expect(await stored()).toEqual(["team:a member team:x", "team:b member team:a"]);
  });

  it("finds a grant by any spelling and stores the new subject as it was sent", async () => {
    await grantTo(composed);
    expect(await transfer(decomposed, `x${decomposed}`)).toBe(true);
    const { rows } = await app.query("select subject_id, subject_id_raw from authz.tuples");
    expect(rows).toEqual([{ subject_id: `x${composed}`, subject_id_raw: `x${decomposed}` }]);
  });

  it("moves a folder from one parent to another", async () => {
    await app.grant({ resource: "folder:a", relation: "parent", subject: "folder:x" });
    const folder = {
      p_resource_type: "folder",
      p_resource_id: "a",
      p_relation: "parent",
      p_from_subject_type: "folder",
      p_to_subject_type: "folder",
    };
    expect(await transfer("x", "y", folder)).toBe(true);
    expect(await stored()).toEqual(["folder:a parent folder:y"]);
  });

  it("leaves everything as it was when it would make a cycle", async () => {
    await app.grant({ resource: "team:a", relation: "member", subject: "user:alice" });
    await app.grant({ resource: "team:b", relation: "member", subject: "team:a" });
    const work = transfer("alice", "b", {
      p_resource_type: "team",
      p_resource_id: "a",
      p_relation: "member",
      p_to_subject_type: "team",
    });
    expect(await refusalOf(work)).toMatchObject({ code: "BIZ_CYCLE_GROUP" });
    expect(await stored()).toEqual(["team:a member user:alice", "team:b member team:a"]);
  });
});

describe("revoke_subject_grants and revoke_resource_grants", () => {
  const all = [
    "doc:1 read user:alice",
    "doc:1 write user:alice",
    "doc:1 read team:eng",
    "doc:1 read team:eng#member",
    "doc:1 parent folder:x",
    "doc:2 read user:alice",
    "file:1 read user:alice",
    "team:eng member user:alice",
    "team:all member team:eng",
  ];
  beforeEach(async () => {
    for (const text of all) {
      const [on, relation, to] = text.split(" ") as [string, string, string];
      await app.grant({ resource: on, relation, subject: to });
    }
  });
  const left = (...gone: string[]) => all.filter((tuple) => !gone.includes(tuple)).sort();

  it("take back all of a subject, and nothing else", async () => {
    expect(await app.call("revoke_subject_grants", subject)).toBe(5);
    expect(await stored()).toEqual(all.filter((tuple) => !tuple.endsWith("user:alice")).sort());
    expect((await events()).slice(all.length)).toEqual(Array(5).fill("tuple_deleted"));
    expect(await app.call("revoke_subject_grants", subject)).toBe(0);
  });

  it("take back what was given to the holders of a relation on the subject, and its memberships", async () => {
    const team = { p_subject_type: "team", p_subject_id: "eng" };
    expect(await app.call("revoke_subject_grants", team)).toBe(3);
    expect(await stored()).toEqual(
      left("doc:1 read team:eng", "doc:1 read team:eng#member", "team:all member team:eng"),
    );
  });

  it("take back what a subject has on one type of resource", async () => {
    const { rows } = await app.query<{ count: number }>(
      "select authz.revoke_subject_grants('user', 'alice', $1, 'doc') as count",
      [`tenant ${tests}`],
    );
    expect(rows).toEqual([{ count: 3 }]);
    expect(await stored()).toEqual(
      left("doc:1 read user:alice", "doc:1 write user:alice", "doc:2 read user:alice"),
    );
  });

  it("take back all on a resource, its parent among them, and nothing else", async () => {
    const doc = { p_resource_type: "doc", p_resource_id: "1" };
    expect(await app.call("revoke_resource_grants", doc)).toBe(5);
    expect(await stored()).toEqual(all.filter((tuple) => !tuple.startsWith("doc:1 ")).sort());
    expect((await events()).slice(all.length)).toEqual(Array(5).fill("tuple_deleted"));
  });

  it("take back one relation on a resource", async () => {
    const { rows } = await app.query<{ count: number }>(
      "select authz.revoke_resource_grants('doc', '1', $1, 'read') as count",
      [`tenant ${tests}`],
    );
    expect(rows).toEqual([{ count: 3 }]);
    expect(await stored()).toEqual(
      left("doc:1 read user:alice", "doc:1 read team:eng", "doc:1 read team:eng#member"),
    );
  });

  it("count what has ended as well", async () => {
    await letEnd();
    expect(await app.call("revoke_subject_grants", subject)).toBe(5);
    const doc = { p_resource_type: "doc", p_resource_id: "1" };
    expect(await app.call("revoke_resource_grants", doc)).toBe(3);
  });

  it("lock the graph when structure goes, and only then", async () => {
    const before = await graphVersion();
    await app.call("revoke_subject_grants", subject);
    expect(await graphVersion()).toBe(before);
    await app.call("revoke_resource_grants", { p_resource_type: "team", p_resource_id: "all" });
    expect(await graphVersion()).toBeGreaterThan(before);
  });

  it("find ids in any Unicode spelling", async () => {
    await app.grant({
      resource: `doc:${composed}`,
      relation: "read",
      subject: `user:${decomposed}`,
    });
    const count = await app.call("revoke_subject_grants", {
      p_subject_type: "user",
      p_subject_id: composed,
    });
    await app.grant({ resource: `doc:${composed}`, relation: "read", subject: "user:bob" });
    const other = await app.call("revoke_resource_grants", {
      p_resource_type: "doc",
      p_resource_id: decomposed,
    });
    expect([count, other]).toEqual([1, 1]);
  });

  it("reach nothing of another tenant, and say so", async () => {
    const elsewhere = { p_namespace: `tenant ${tests} neighbour` };
    const doc = { p_resource_type: "doc", p_resource_id: "1" };
    app.takeWarnings();
    expect(await app.call("revoke_subject_grants", { ...subject, ...elsewhere })).toBe(0);
    expect(await app.call("revoke_resource_grants", { ...doc, ...elsewhere })).toBe(0);
    expect(app.takeWarnings()).toHaveLength(2);
    expect(await stored()).toHaveLength(all.length);
  });
});
