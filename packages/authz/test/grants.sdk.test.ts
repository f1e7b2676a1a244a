import { authz } from "@postkit/authz";
import { createPostkit, type Postkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
let client: Postkit<{ authz: typeof authz }>["authz"];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  client = createPostkit({ db: db.app, namespace: "acme", modules: { authz } }).authz;
  for (const [relation, resource, subject] of [
    ["write", "doc:2", "team:eng#member"],
    ["read", "doc:1", "team:eng"],
    ["read", "doc:2", "team:eng"],
    ["member", "team:all", "team:eng#member"],
  ] as const) {
    await client.grant(relation, { resource, subject });
  }
});

afterAll(() => db.drop());

describe("listGrants", () => {
  it("gives each grant in the words of the client", async () => {
    const expiresAt = new Date("2999-12-31T23:59:59.987Z");
    await client.grant("read", { resource: "doc:a:b", subject: "user:alice", expiresAt });
    const resource = { type: "doc", id: "a:b" };
    const expected = [{ resource, relation: "read", subjectRelation: null, expiresAt }];
    expect(await client.listGrants("user:alice")).toEqual(expected);
    expect(await client.listGrants({ type: "user", id: "alice" })).toEqual(expected);
  });

  it("gives pages, each after the last grant of the one before", async () => {
    const whole = await client.listGrants("team:eng");
    expect(whole.map((grant) => [grant.resource.id, grant.relation])).toEqual([
      ["1", "read"],
      ["2", "read"],
      ["2", "write"],
      ["all", "member"],
    ]);
    const first = await client.listGrants("team:eng", { limit: 3 });
    const second = await client.listGrants("team:eng", { limit: 3, cursor: first.at(-1) });
    expect([...first, ...second]).toEqual(whole);
    expect(second).toHaveLength(1);
    expect(await client.listGrants("team:eng", { cursor: whole.at(-1) })).toEqual([]);
  });

  it("gives one type when asked", async () => {
    const grants = await client.listGrants("team:eng", { resourceType: "team" });
    expect(grants).toEqual([
      {
        resource: { type: "team", id: "all" },
        relation: "member",
        subjectRelation: "member",
        expiresAt: null,
      },
    ]);
  });

  it("refuses the holders of a relation, who are many, and a limit that is not whole", async () => {
    await expect(client.listGrants("team:eng#member")).rejects.toMatchObject({
      module: "authz",
      code: "VAL_ID_INVALID_CHARS",
    });
    await expect(client.listGrants("team:eng", { limit: 1.5 })).rejects.toMatchObject({
      module: "core",
      code: "VAL_ARGUMENT",
    });
  });
});

describe("listResourceGrants", () => {
  it("gives what syncGrants takes, page by page, without the resource's containers", async () => {
    const expiresAt = new Date("2999-01-01T00:00:00Z");
    const resource = "doc:shared";
    await client.grant("read", { resource, subject: "user:bob", expiresAt });
    await client.grant("read", { resource, subject: "team:eng#member" });
    await client.grant("read", { resource, subject: "team:eng" });
    await client.grant("write", { resource, subject: "user:x" });
    await client.grant("read", { resource, subject: { type: "user", id: "cafe\u0301" } });
    await client.grant("parent", { resource, subject: "folder:f" });
    const whole = await client.listResourceGrants(resource);
    expect(whole).toEqual([
      {
        subject: { type: "team", id: "eng", relation: undefined },
        relation: "read",
        expiresAt: null,
      },
      {
        subject: { type: "team", id: "eng", relation: "member" },
        relation: "read",
        expiresAt: null,
      },
      { subject: { type: "user", id: "bob", relation: undefined }, relation: "read", expiresAt },
      {
        subject: { type: "user", id: "cafe\u0301", relation: undefined },
        relation: "read",
        expiresAt: null,
      },
      {
        subject: { type: "user", id: "x", relation: undefined },
        relation: "write",
        expiresAt: null,
      },
    ]);
    const pages: unknown[] = [];
    for (let cursor: (typeof whole)[number] | undefined; ;) {
      const page = await client.listResourceGrants(resource, { limit: 2, cursor });
      pages.push(...page);
      cursor = page.at(-1);
      if (page.length < 2) break;
    }
    expect(pages).toEqual(whole);
    expect(await client.syncGrants(resource, whole)).toEqual([]);
    expect(await client.syncGrants(resource, whole.slice(1))).toHaveLength(1);
    expect(await client.check("folder:f", "read", resource)).toBe(false);
    expect(await client.listResourceGrants("doc:none")).toEqual([]);
  });

  it("does not tell of what has ended or belongs to another tenant", async () => {
    await db.super.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
       values ('acme', 'doc', 'ended', 'read', 'user', 'bob', '2001-01-01'),
         ('globex', 'doc', 'ended', 'read', 'user', 'bob', null)`,
    );
    expect(await client.listResourceGrants("doc:ended")).toEqual([]);
  });
});
