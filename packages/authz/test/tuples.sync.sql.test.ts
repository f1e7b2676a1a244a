import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { countRows, openSession, refusalOf, type Session } from "./support/session.ts";

const future = "2999-01-01T00:00:00+00:00";
const later = "2999-06-01T00:00:00+00:00";
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

/** `read user:alice`, `read team:eng#member until 2999-…`. */
function wanted(text: string): Record<string, string> {
  const [, relation = "", type = "", id = "", subjectRelation, end] =
    /^(\S+) ([^:]+):([^#\s]+)(?:#(\S+))?(?: until (\S+))?$/.exec(text) ?? [];
  return {
    relation,
    subject_type: type,
    subject_id: id,
    ...(subjectRelation === undefined ? {} : { subject_relation: subjectRelation }),
    ...(end === undefined ? {} : { expires_at: end }),
  };
}

interface ChangeRow {
  change: string;
  relation: string;
  subject_type: string;
  subject_id: string;
  subject_relation: string | null;
  expires_at: Date | null;
}

async function sync(list: readonly string[], resource = "doc:1"): Promise<string[]> {
  const [type, id] = resource.split(":");
  const rows = await app.rows<ChangeRow>("sync_grants", {
    p_resource_type: type,
    p_resource_id: id,
    p_desired: JSON.stringify(list.map(wanted)),
  });
  return rows.map((row) =>
    [
      `${row.change} ${row.relation} ${row.subject_type}:${row.subject_id}`,
      row.subject_relation === null ? "" : `#${row.subject_relation}`,
      row.expires_at === null ? "" : ` until ${row.expires_at.toISOString()}`,
    ].join(""),
  );
}

async function stored(resource = "doc:1"): Promise<string[]> {
  const { rows } = await app.query<{ tuple: string }>(
    `select format('%s %s:%s', relation, subject_type, subject_id) || coalesce('#' || subject_relation, '')
       || coalesce(' until ' || to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'), '') as tuple
     from authz.tuples
     where resource_type || ':' || resource_id = $1
     order by 1`,
    [resource],
  );
  return rows.map(({ tuple }) => tuple);
}

const list = ["admin user:alice", "read team:eng#member", `read user:bob until ${future}`];

describe("sync_grants", () => {
  it("grants what is missing on a resource that has nothing", async () => {
    expect(await sync(list)).toEqual([
      "granted read team:eng#member",
      "granted admin user:alice",
      "granted read user:bob until 2999-01-01T00:00:00.000Z",
    ]);
    expect(await stored()).toEqual([...list].sort());
  });

  it("does and writes nothing the second time", async () => {
    await sync(list);
    const before = await countRows(db.super);
    expect(await sync([...list].reverse())).toEqual([]);
    expect(await countRows(db.super)).toEqual(before);
  });

  it("takes back what is not in the list, and leaves other resources alone", async () => {
    await sync(list);
    await sync(list, "doc:2");
    expect(await sync(["admin user:alice"])).toEqual([
      "revoked read team:eng#member",
      "revoked read user:bob until 2999-01-01T00:00:00.000Z",
    ]);
    expect(await stored()).toEqual(["admin user:alice"]);
    expect(await stored("doc:2")).toHaveLength(3);
    expect(await sync([])).toEqual(["revoked admin user:alice"]);
  });

  it("keeps a subject and the holders of a relation on it apart", async () => {
    await sync(["read team:eng", "read team:eng#member"]);
    expect(await sync(["read team:eng#admin", "read team:eng"])).toEqual([
      "granted read team:eng#admin",
      "revoked read team:eng#member",
    ]);
  });

  it("sets other ends, and takes away what the list does not name", async () => {
    await sync([`a user:x until ${future}`, `b user:x until ${future}`, "c user:x", "d user:x"]);
    expect(
      await sync([`a user:x until ${later}`, "b user:x", `c user:x until ${future}`, "d user:x"]),
    ).toEqual([
      "updated a user:x until 2999-06-01T00:00:00.000Z",
      "updated b user:x",
      "updated c user:x until 2999-01-01T00:00:00.000Z",
    ]);
    expect(await stored()).toEqual([
      `a user:x until ${later}`,
      "b user:x",
      `c user:x until ${future}`,
      "d user:x",
    ]);
  });

  it("grants what has ended anew, and clears away what has ended and is not wanted", async () => {
    await sync(["read user:alice", "read user:bob"]);
    await app.query("update authz.tuples set expires_at = '2001-01-01Z'");
    expect(await sync(["read user:alice"])).toEqual([
      "granted read user:alice",
      "revoked read user:bob until 2001-01-01T00:00:00.000Z",
    ]);
    expect(await stored()).toEqual(["read user:alice"]);
  });

  it("records each change once", async () => {
    await sync(["read user:alice", "read user:bob"]);
    await sync([`read user:alice until ${future}`, "read user:carol"]);
    const events = await app.rows<{ event_type: string; subject_id: string }>("get_audit_events");
    expect(events.map((event) => `${event.event_type} ${event.subject_id}`).reverse()).toEqual([
      "tuple_created alice",
      "tuple_created bob",
      "tuple_updated alice",
      "tuple_deleted bob",
      "tuple_created carol",
    ]);
  });

  it("takes duplicates as one, in any Unicode spelling, and keeps what is stored in another", async () => {
    expect(
      await sync([`read user:${decomposed}`, `read user:${composed}`], `doc:${decomposed}`),
    ).toEqual([`granted read user:${decomposed}`]);
    expect(await sync([`read user:${composed}`], `doc:${composed}`)).toEqual([]);
    expect(await sync([], `doc:${composed}`)).toEqual([`revoked read user:${decomposed}`]);
  });

  it("takes null and an empty text for a part that is not there", async () => {
    await sync(["read user:alice"]);
    const rows = await app.rows("sync_grants", {
      p_resource_type: "doc",
      p_resource_id: "1",
      p_desired: JSON.stringify([
        { ...wanted("read user:alice"), subject_relation: "", expires_at: null },
        { ...wanted("read user:alice"), subject_relation: null, expires_at: "infinity" },
      ]),
    });
    expect(rows).toEqual([]);
  });

  it("leaves the parents of the resource alone", async () => {
    await app.grant({ resource: "doc:1", relation: "parent", subject: "folder:x" });
    expect(await sync(["read user:alice"])).toEqual(["granted read user:alice"]);
    expect(await sync([])).toEqual(["revoked read user:alice"]);
    expect(await stored()).toEqual(["parent folder:x"]);
  });

  it("makes groups members of a group, and takes them out again", async () => {
    expect(await sync(["member team:b#member", "member user:alice"], "team:a")).toEqual([
      "granted member team:b#member",
      "granted member user:alice",
    ]);
    expect(await sync(["member team:c", "member user:alice"], "team:a")).toEqual([
      "revoked member team:b#member",
      "granted member team:c",
    ]);
    expect(await sync(["member user:alice"], "team:a")).toEqual(["revoked member team:c"]);
  });

  it("leaves everything as it was when one of the groups would make a cycle", async () => {
    await sync(["member team:a"], "team:b");
    await sync(["member user:alice"], "team:a");
    expect(await refusalOf(sync(["member user:bob", "member team:b"], "team:a"))).toMatchObject({
      code: "BIZ_CYCLE_GROUP",
    });
    expect(await stored("team:a")).toEqual(["member user:alice"]);
  });

  it("locks the graph for groups as members, and for nothing else", async () => {
    const version = async () => (await countRows(db.super))["graph_version"];
    // The first grant to a team makes it known that teams may be groups.
    await sync(["read team:ops#member"], "doc:2");
    const before = await version();
    await sync(["read team:eng#member"]);
    await sync(["member user:alice"], "team:a");
    expect(await version()).toBe(before);
    await sync(["member team:b"], "team:a");
    const written = await version();
    await sync(["member user:alice"], "team:a");
    expect(written).toBeGreaterThan(before ?? 0);
    expect(await version()).toBeGreaterThan(written ?? 0);
  });

  it("takes 1000 grants, and takes back more", async () => {
    const many = (relation: string) =>
      Array.from({ length: 1000 }, (_, index) => `${relation} user:u${index}`);
    expect(await sync(many("read"))).toHaveLength(1000);
    await app.call("write_tuples_bulk", {
      p_resource_type: "doc",
      p_resource_id: "1",
      p_relation: "write",
      p_subject_type: "user",
      p_subject_ids: Array.from({ length: 1000 }, (_, index) => `u${index}`),
    });
    expect(await sync(["read user:u0"])).toHaveLength(1999);
    expect(await stored()).toEqual(["read user:u0"]);
  });

  it("takes its arguments by position", async () => {
    const { rows } = await app.query(
      `select s.change from authz.sync_grants('doc', '1', $1, $2) s`,
      [JSON.stringify([wanted("read user:alice")]), `tenant ${tests}`],
    );
    expect(rows).toEqual([{ change: "granted" }]);
  });
});
