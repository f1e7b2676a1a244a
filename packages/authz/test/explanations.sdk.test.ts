import { authz } from "@postkit/authz";
import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase, withClient } from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ authz: typeof authz }>;
let client: typeof postkit.authz;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(() => {
  tests += 1;
  postkit = createPostkit({ db: db.app, namespace: `tenant ${tests}`, modules: { authz } });
  client = postkit.authz;
});

const soon = new Date("2998-12-31T23:59:59.987Z");

describe("explain", () => {
  it("gives a line for each way, or one that there is none", async () => {
    await client.grant("read", { resource: "doc:1", subject: "user:alice" });
    await client.grant("member", { resource: "team:eng", subject: "user:alice" });
    await client.grant("read", { resource: "doc:1", subject: "team:eng#member" });
    expect(await client.explain("user:alice", "read", "doc:1")).toEqual([
      "DIRECT: user:alice has read on doc:1",
      "GROUP: user:alice is member of team:eng which has read on doc:1",
    ]);
    const bob = { type: "user", id: "bob#1" };
    expect(await client.explain(bob, "read", { type: "doc", id: "1" })).toEqual([
      "NO ACCESS: user:bob#1 does not have read on doc:1",
    ]);
  });

  it("sees what its transaction has written", async () => {
    const lines = await postkit.transaction(async (tx) => {
      await tx.authz.grant("read", { resource: "doc:1", subject: "user:alice" });
      return tx.authz.explain("user:alice", "read", "doc:1");
    });
    expect(lines).toEqual(["DIRECT: user:alice has read on doc:1"]);
  });
});

describe("explainTree", () => {
  it("gives the ways that give the permission, with Dates", async () => {
    await client.addHierarchy("doc", "write", "read");
    await client.grant("member", {
      resource: "team:eng",
      subject: "user:alice",
      expiresAt: soon,
    });
    await client.grant("write", { resource: "folder:a", subject: "team:eng#member" });
    await client.grant("parent", { resource: "doc:1", subject: "folder:a" });
    expect(await client.explainTree("user:alice", "read", "doc:1")).toEqual({
      allowed: true,
      subject: { type: "user", id: "alice" },
      permission: "read",
      resource: { type: "doc", id: "1" },
      expiresAt: soon,
      paths: [
        {
          grant: {
            resource: { type: "folder", id: "a" },
            relation: "write",
            subject: { type: "team", id: "eng", relation: "member" },
            expiresAt: null,
          },
          memberships: [
            {
              resource: { type: "team", id: "eng" },
              relation: "member",
              subject: { type: "user", id: "alice", relation: undefined },
              expiresAt: soon,
            },
          ],
          containers: [
            {
              resource: { type: "doc", id: "1" },
              relation: "parent",
              subject: { type: "folder", id: "a", relation: undefined },
              expiresAt: null,
            },
          ],
          permissions: ["write", "read"],
          expiresAt: soon,
        },
      ],
      denial: null,
      truncated: false,
    });
  });

  it("gives what a denial looked at, and how near it came", async () => {
    await client.grant("viewer", { resource: "team:eng", subject: "user:alice" });
    await client.grant("read", { resource: "doc:1", subject: "team:eng#member" });
    const past = new Date("2001-01-01T00:00:00.123Z");
    await withClient(db.superUrl, (root) =>
      root.query(
        `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
         values ($1, 'doc', '1', 'read', 'user', 'alice', $2)`,
        [`tenant ${tests}`, past],
      ),
    );
    const { allowed, expiresAt, paths, denial } = await client.explainTree(
      "user:alice",
      "read",
      "doc:1",
    );
    expect({ allowed, expiresAt, paths }).toEqual({ allowed: false, expiresAt: null, paths: [] });
    expect(denial).toMatchObject({
      relations: ["read"],
      containers: [{ type: "doc", id: "1" }],
      memberships: [{ type: "team", id: "eng", relation: "viewer" }],
    });
    expect(denial?.nearMisses.map(({ obstacles }) => obstacles)).toEqual([
      [{ type: "relation", held: "viewer", edge: expect.anything() }],
      [{ type: "expired", edge: expect.objectContaining({ expiresAt: past }) }],
    ]);
  });

  it("reads ends in years of five digits", async () => {
    const expiresAt = new Date("+012026-01-02T03:04:05.678Z");
    await client.grant("read", { resource: "doc:1", subject: "user:alice", expiresAt });
    expect(await client.explainTree("user:alice", "read", "doc:1")).toMatchObject({ expiresAt });
  });

  it("reads JSON that the driver gives as text", async () => {
    await client.grant("read", { resource: "doc:1", subject: "user:alice" });
    const raw = new pg.Client({
      connectionString: db.appUrl,
      types: { getTypeParser: () => (text: string) => text },
    });
    await raw.connect();
    try {
      const tree = await postkit.on(raw).authz.explainTree("user:alice", "write", "doc:1");
      expect(tree).toMatchObject({ permission: "write", denial: { nearMisses: [] } });
    } finally {
      await raw.end();
    }
  });
});

describe("both", () => {
  it("refuse what is no reference, and the holders of a relation, before anything is sent", async () => {
    const refused = {
      VAL_IDENTIFIER_FORMAT: [
        () => client.explain("alice", "read", "doc:1"),
        () => client.explainTree("user:alice", "read", "doc"),
      ],
      VAL_ID_INVALID_CHARS: [
        () => client.explain("team:eng#member", "read", "doc:1"),
        () => client.explainTree("team:eng#member", "read", "doc:1"),
      ],
    } as const;
    for (const [code, calls] of Object.entries(refused)) {
      for (const call of calls) {
        const error: unknown = await call().catch((reason: unknown) => reason);
        expect(isPostkitError(error, `authz.${code}`)).toBe(true);
      }
    }
  });
});
