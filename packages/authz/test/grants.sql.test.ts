import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, type NamedArguments, type Session } from "./support/session.ts";

interface GrantRow {
  resource_type: string;
  resource_id: string;
  relation: string;
  subject_relation: string | null;
  expires_at: Date | null;
}

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

const list = (args: NamedArguments = {}) =>
  app.rows<GrantRow>("list_subject_grants", {
    p_subject_type: "user",
    p_subject_id: "alice",
    ...args,
  });

const told = (rows: readonly GrantRow[]) =>
  rows.map((row) => {
    const subject = row.subject_relation === null ? "" : ` #${row.subject_relation}`;
    return `${row.resource_type}:${row.resource_id} ${row.relation}${subject}`;
  });

const grant = (resource: string, relation: string, subject = "user:alice") =>
  app.grant({ resource, relation, subject });

describe("list_subject_grants", () => {
  it("gives what was granted to the subject itself, with its end", async () => {
    await app.grant({
      resource: "doc:1",
      relation: "read",
      subject: "user:alice",
      expiresAt: "2999-01-01T00:00:00Z",
    });
    await grant("team:eng", "member");
    await grant("doc:2", "read", "team:eng#member");
    await grant("folder:f", "write");
    await grant("doc:3", "parent", "folder:f");
    await grant("doc:4", "read", "user:bob");
    await grant("doc:5", "read", "robot:alice");
    expect(await list()).toEqual([
      {
        resource_type: "doc",
        resource_id: "1",
        relation: "read",
        subject_relation: null,
        expires_at: new Date("2999-01-01T00:00:00Z"),
      },
      expect.objectContaining({ resource_type: "folder", relation: "write", expires_at: null }),
      expect.objectContaining({ resource_type: "team", resource_id: "eng", relation: "member" }),
    ]);
  });

  it("tells apart what was granted to the holders of a relation on it", async () => {
    const subject = { p_subject_type: "team", p_subject_id: "eng" };
    await grant("doc:1", "read", "team:eng#member");
    await grant("doc:1", "read", "team:eng#admin");
    await grant("doc:1", "read", "team:eng");
    await grant("team:all", "member", "team:eng#member");
    expect(told(await list(subject))).toEqual([
      "doc:1 read",
      "doc:1 read #admin",
      "doc:1 read #member",
      "team:all member #member",
    ]);
  });

  it("orders by type, id and relation, byte by byte", async () => {
    for (const [resource, relation] of [
      ["b:1", "read"],
      ["a:b", "read"],
      ["a:B", "read"],
      ["a:10", "read"],
      ["a:9", "write"],
      ["a:9", "read"],
      ["a_b:1", "read"],
      ["a:\u00e9", "read"],
      ["a:z", "read"],
    ] as const) {
      await grant(resource, relation);
    }
    expect(told(await list())).toEqual([
      "a:10 read",
      "a:9 read",
      "a:9 write",
      "a:B read",
      "a:b read",
      "a:z read",
      "a:\u00e9 read",
      "a_b:1 read",
      "b:1 read",
    ]);
  });

  it("gives only one type when asked, and nothing for what is no type", async () => {
    await grant("doc:1", "read");
    await grant("doc-old:1", "read");
    await grant("docs:1", "read");
    expect(told(await list({ p_resource_type: "doc" }))).toEqual(["doc:1 read"]);
    for (const odd of ["", "Doc", "do", "doc%", "~", "zzz"])
      expect(await list({ p_resource_type: odd })).toEqual([]);
  });

  it("leaves out what has ended, and who is unknown or null has nothing", async () => {
    await using root = await openSession(db.super, `tenant ${tests}`);
    await root.query(
      `insert into authz.tuples
         (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
       values ($1, 'doc', 'ended', 'read', 'user', 'alice', now() - interval '1 second')`,
      [`tenant ${tests}`],
    );
    expect(await list()).toEqual([]);
    for (const odd of ["nobody", "", null]) expect(await list({ p_subject_id: odd })).toEqual([]);
  });

  it("compares ids in NFC and gives them as they were sent", async () => {
    await grant("doc:cafe\u0301", "read", "user:cafe\u0301");
    const rows = await list({ p_subject_id: "caf\u00e9" });
    expect(told(rows)).toEqual(["doc:cafe\u0301 read"]);
  });

  it("shows no other tenant's, and warns", async () => {
    await grant("doc:1", "read");
    await using other = await openSession(db.app, "other");
    const args = {
      p_subject_type: "user",
      p_subject_id: "alice",
      p_namespace: `tenant ${tests}`,
    };
    expect(await other.rows("list_subject_grants", args)).toEqual([]);
    await using root = await openSession(db.super, "other");
    expect(await root.rows("list_subject_grants", { ...args, p_namespace: "other" })).toEqual([]);
    expect(other.takeWarnings()).toEqual([
      "namespace is not the tenant of this transaction: nothing of it is visible",
    ]);
  });

  it("gives pages that together are the whole list, whatever their size", async () => {
    const word = fc.constantFrom("a", "b", "a-b", "a_b", "ab");
    const id = fc.constantFrom("1", "10", "2", "A", "a b", "e\u0301", "\u00e9a", "\u{1d4b3}");
    const subject = fc.constantFrom("team:x", "team:x#a", "team:x#b");
    const grants = fc.array(fc.tuple(word, id, word, subject), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(grants, fc.integer({ min: 1, max: 7 }), async (wanted, size) => {
        await app.query("begin");
        for (const [type, resource, relation, holder] of wanted)
          await grant(`${type}:${resource}`, relation, holder);
        const args = { p_subject_type: "team", p_subject_id: "x" };
        const whole = await list(args);
        const paged: GrantRow[] = [];
        let last: GrantRow | undefined;
        do {
          const page: GrantRow[] = await list({
            ...args,
            p_limit: size,
            p_cursor_resource_type: last?.resource_type,
            p_cursor_resource_id: last?.resource_id,
            p_cursor_relation: last?.relation,
            p_cursor_subject_relation: last?.subject_relation,
          });
          paged.push(...page);
          last = page.length === size ? page.at(-1) : undefined;
        } while (last !== undefined);
        await app.query("rollback");
        expect(paged).toEqual(whole);
        expect(whole).toHaveLength(
          new Set(wanted.map((parts) => parts.join("\n").normalize("NFC"))).size,
        );
      }),
      { numRuns: 30 },
    );
  });
});
