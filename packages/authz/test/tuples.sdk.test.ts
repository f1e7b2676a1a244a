import { authz, authzErrors } from "@postkit/authz";
import { createPostkit, isPostkitError, type PostkitError, type QueryEvent } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

let db: TestDatabase;
let client: ReturnType<typeof connect>["authz"];
const calls: QueryEvent[] = [];

function connect(namespace: string) {
  return createPostkit({
    db: db.app,
    namespace,
    modules: { authz },
    onQuery: (event) => calls.push(event),
  });
}

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(() => {
  tests += 1;
  client = connect(`tenant ${tests}`).authz;
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

const future = new Date("2999-01-01T00:00:00Z");

describe("transferGrant", () => {
  it("gives the grant to another, and tells whether there was one", async () => {
    await client.grant("owner", { resource: "repo:api", subject: "user:alice", expiresAt: future });
    const target = { resource: "repo:api", from: "user:alice", to: "user:bob" };
    expect(await client.transferGrant("owner", target)).toBe(true);
    expect(await client.transferGrant("owner", target)).toBe(false);
    expect(await client.check("user:alice", "owner", "repo:api")).toBe(false);
    expect(await client.check("user:bob", "owner", "repo:api")).toBe(true);
    expect(await client.getAuditEvents({ limit: 1 })).toMatchObject([{ expiresAt: future }]);
  });

  it("refuses the holders of a relation on either side, by name", async () => {
    for (const [field, target] of [
      ["from", { from: "team:eng#member", to: "user:bob" }],
      ["to", { from: "user:bob", to: "team:eng#member" }],
    ] as const) {
      const error = await refused(
        client.transferGrant("owner", { resource: "repo:api", ...target }),
      );
      expect(error).toMatchObject({ code: "VAL_ID_INVALID_CHARS" });
      expect(error.message).toMatch(new RegExp(`^${field} must be one subject`));
    }
    expect(calls).toEqual([]);
  });
});

describe("grantToSubjects", () => {
  it("takes subjects of any types in one statement", async () => {
    const subjects = ["user:alice", "team:eng#member", { type: "user", id: "a#b:c" }, "user:alice"];
    expect(await client.grantToSubjects("read", { resource: "doc:1", subjects })).toBe(3);
    expect(calls.map(({ name }) => name)).toEqual(["authz.grant_to_subjects_bulk"]);
    expect(await client.grantToSubjects("read", { resource: "doc:1", subjects })).toBe(0);
    expect(await client.check({ type: "user", id: "a#b:c" }, "read", "doc:1")).toBe(true);
    await client.grant("member", { resource: "team:eng", subject: "user:carol" });
    expect(await client.check("user:carol", "read", "doc:1")).toBe(true);
    expect(await client.revoke("read", { resource: "doc:1", subject: "team:eng" })).toBe(false);
  });

  it("grants nothing to nobody", async () => {
    expect(await client.grantToSubjects("read", { resource: "doc:1", subjects: [] })).toBe(0);
  });

  it("writes none when one is refused, and names it", async () => {
    const subjects = ["user:alice", { type: "user", id: " " }, "team:eng"];
    const error = await refused(client.grantToSubjects("read", { resource: "doc:1", subjects }));
    expect(error).toMatchObject({
      code: "VAL_ARRAY_ELEMENT_INVALID",
      sqlstate: authzErrors.VAL_ARRAY_ELEMENT_INVALID,
      message: "subject_ids[2] is empty",
    });
    const nameless = await refused(
      client.grantToSubjects("read", { resource: "doc:1", subjects: ["user:alice", "bob"] }),
    );
    expect(nameless.message).toMatch(/^subjects\[2\] must be "type:id"/);
    expect(await client.check("user:alice", "read", "doc:1")).toBe(false);
  });
});

describe("grantOnResources", () => {
  it("grants on every resource, whatever their ids look like", async () => {
    const resourceIds = ["1", "2", 'a,"b"\\{}', "NULL"];
    const options = { resourceType: "doc", resourceIds, subject: "user:alice" };
    expect(await client.grantOnResources("read", options)).toBe(4);
    for (const id of resourceIds) {
      expect(await client.check("user:alice", "read", { type: "doc", id })).toBe(true);
    }
    const members = { ...options, subject: "team:eng#member" };
    expect(await client.grantOnResources("read", members)).toBe(4);
  });
});

describe("revokeSubjectGrants and revokeResourceGrants", () => {
  beforeEach(async () => {
    for (const [permission, resource] of [
      ["read", "doc:1"],
      ["write", "doc:1"],
      ["read", "file:1"],
    ] as const) {
      await client.grant(permission, { resource, subject: "user:alice" });
    }
  });

  it("take back all, or what is asked for", async () => {
    expect(await client.revokeSubjectGrants("user:alice", { resourceType: "file" })).toBe(1);
    expect(await client.revokeResourceGrants("doc:1", { permission: "read" })).toBe(1);
    expect(await client.revokeResourceGrants("doc:1")).toBe(1);
    expect(await client.revokeSubjectGrants("user:alice")).toBe(0);
  });

  it("take back nothing of everything for the holders of one relation", async () => {
    expect(await refused(client.revokeSubjectGrants("team:eng#member"))).toMatchObject({
      code: "VAL_ID_INVALID_CHARS",
    });
    expect(calls.at(-1)?.name).toBe("authz.write_tuple");
  });
});

describe("syncGrants", () => {
  it("makes the grants equal to the list and tells what changed, in the words of the client", async () => {
    await client.grant("read", { resource: "doc:1", subject: "user:old" });
    const list = [
      { relation: "read", subject: "team:eng#member", expiresAt: future },
      { relation: "write", subject: { type: "user", id: "alice" } },
    ];
    expect(await client.syncGrants("doc:1", list)).toEqual([
      {
        change: "granted",
        relation: "read",
        subject: { type: "team", id: "eng", relation: "member" },
        expiresAt: future,
      },
      {
        change: "granted",
        relation: "write",
        subject: { type: "user", id: "alice", relation: undefined },
        expiresAt: null,
      },
      {
        change: "revoked",
        relation: "read",
        subject: { type: "user", id: "old", relation: undefined },
        expiresAt: null,
      },
    ]);
    expect(await client.syncGrants("doc:1", list)).toEqual([]);
    const [first, second] = list;
    const longer = { relation: "read", subject: "team:eng#member", expiresAt: null };
    expect(await client.syncGrants("doc:1", [longer, second ?? longer])).toMatchObject([
      { change: "updated", subject: first ? { type: "team" } : {}, expiresAt: null },
    ]);
  });

  it("refuses an end that is no Date, and a subject that is none, by its place", async () => {
    const expiresAt = new Date("never");
    const work = client.syncGrants("doc:1", [{ relation: "read", subject: "user:a", expiresAt }]);
    await expect(work).rejects.toMatchObject({ module: "core", code: "VAL_ARGUMENT" });
    const nameless = await refused(client.syncGrants("doc:1", [{ relation: "a", subject: "bob" }]));
    expect(nameless.message).toMatch(/^desired\[1\]\.subject must be "type:id"/);
  });
});
