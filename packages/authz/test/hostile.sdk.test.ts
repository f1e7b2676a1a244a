import { authz } from "@postkit/authz";
import { createPostkit, isPostkitError, type Postkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ authz: typeof authz }>;
let client: typeof postkit.authz;
let victim: typeof postkit.authz;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  postkit = createPostkit({ db: db.app, namespace: "attacker", modules: { authz } });
  client = postkit.authz;
  victim = postkit.withNamespace("victim").authz;
  await victim.grant("read", { resource: "doc:secret", subject: "user:owner" });
});

afterAll(async () => {
  await postkit.close();
  await db.drop();
});

/** What a request's body or query string may hold where a text is expected; types say it cannot be. */
const steal = `text || (select authz.write('doc','secret','read','user','mallory',
  p_namespace => set_config('postkit.tenant_id','victim',true)))::text`;
const hostile = {
  "an object with the look of a parameter": { text: "a", type: steal },
  "an object with the look of a fragment": { strings: [`'a') or true --`, ""], values: [] },
  "an object with a text": { toString: () => "a", text: "a", type: "int" },
  "an array": ["a"],
  "a function": () => "a",
  "a symbol": Symbol("a"),
} as unknown as Record<string, string>;

const calls: Record<string, (value: string) => Promise<unknown>> = {
  "a permission": (value) => client.check("user:a", value, "doc:1"),
  "an id": (value) => client.check({ type: "user", id: value }, "read", "doc:1"),
  "a type": (value) => client.check({ type: value, id: "a" }, "read", "doc:1"),
  "a relation": (value) =>
    client.grant("read", {
      resource: "doc:1",
      subject: { type: "team", id: "a", relation: value },
    }),
  "a cursor": (value) => client.listResources("user:a", "doc", "read", { cursor: value }),
  "a resource type": (value) => client.listResources("user:a", value, "read"),
  "one of many permissions": (value) => client.checkAny("user:a", [value], "doc:1"),
  "one of many ids": (value) => client.filterAuthorized("user:a", "doc", "read", [value]),
  "an event type": (value) => client.getAuditEvents({ eventType: value as "tuple_created" }),
  "an actor": (value) => client.getAuditEvents({ actorId: value }),
  "a filter's id": async (value) => filter({ subject: { type: "user", id: value } }),
  "a filter's permission": async (value) => filter({ permission: value }),
  "a filter's type": async (value) => filter({ type: value }),
  "a filter's column": async (value) => filter({ column: value }),
};

function filter(change: object) {
  return client.sqlFilter({
    subject: "user:a",
    permission: "read",
    type: "doc",
    column: "id",
    mode: "set",
    ...change,
  });
}

describe.each(Object.keys(calls))("%s", (name) => {
  it.each(Object.keys(hostile))(
    "that is %s is refused, and nothing of it reaches a statement",
    async (kind) => {
      const sent: string[] = [];
      const error: unknown = await calls[name]?.(hostile[kind] as string).then(
        (result) => sent.push(JSON.stringify(result)),
        (reason: unknown) => reason,
      );
      expect(sent).toEqual([]);
      expect(isPostkitError(error)).toBe(true);
      expect(await victim.check("user:mallory", "read", "doc:secret")).toBe(false);
    },
  );
});

describe("an empty variable", () => {
  it("is no relation that holders of any would have", async () => {
    const subject = { type: "team", id: "eng", relation: "" };
    await expect(client.grant("read", { resource: "doc:1", subject })).rejects.toMatchObject({
      code: "VAL_IDENTIFIER_EMPTY",
    });
    await expect(client.syncGrants("doc:1", [{ relation: "read", subject }])).rejects.toMatchObject(
      {
        code: "VAL_IDENTIFIER_EMPTY",
      },
    );
  });

  it("takes nothing back instead of all", async () => {
    await client.grant("read", { resource: "doc:kept", subject: "user:a" });
    const attempts = [
      client.revokeResourceGrants("doc:kept", { permission: undefined }),
      client.revokeResourceGrants("doc:kept", { permission: null as unknown as string }),
      client.revokeResourceGrants("doc:kept", "read" as unknown as object),
      client.revokeSubjectGrants("user:a", { resourceType: undefined }),
    ];
    await Promise.all(
      attempts.map((attempt) =>
        expect(attempt).rejects.toMatchObject({ code: "VAL_IDENTIFIER_NULL" }),
      ),
    );
    expect(await client.check("user:a", "read", "doc:kept")).toBe(true);
    expect(await client.revokeResourceGrants("doc:kept")).toBe(1);
  });

  it("is no tenant", () => {
    for (const namespace of [undefined, null] as unknown as string[]) {
      expect(() => createPostkit({ db: db.app, namespace, modules: { authz } })).toThrow(
        expect.objectContaining({ code: "VAL_ARGUMENT" }),
      );
    }
  });
});

describe("a filter that probes", () => {
  it("refuses to answer for a tenant that is no longer set, rather than to say no", async () => {
    await client.grant("read", { resource: "doc:1", subject: "user:a" });
    const { text, values } = client
      .sqlFilter({
        subject: "user:a",
        permission: "read",
        type: "doc",
        column: "v.id",
        mode: "probe",
      })
      .toPg();
    const connection = await db.app.connect();
    try {
      await connection.query("begin");
      await connection.query(
        `declare c cursor for select v.id from (values ('1'), ('2')) v (id) where not (${text})`,
        values,
      );
      await connection.query("select set_config('postkit.tenant_id', 'victim', true)");
      await expect(connection.query("fetch all from c")).resolves.toMatchObject({ rowCount: 1 });
      await connection.query("rollback; begin");
      await connection.query(
        `declare c cursor for select v.id from (values ('3'), ('1')) v (id) where not (${text})`,
        values,
      );
      await connection.query("fetch 1 from c");
      await connection.query("select set_config('postkit.tenant_id', 'victim', true)");
      await expect(connection.query("fetch all from c")).rejects.toMatchObject({
        hint: "postkit:authz:BIZ_TENANT_MISMATCH",
      });
    } finally {
      await connection.query("rollback");
      connection.release();
    }
  });
});

describe("a row that the application writes itself", () => {
  it("cannot show another id in lists and audit than the one that counts", async () => {
    const connection = await db.app.connect();
    try {
      await connection.query("select set_config('postkit.tenant_id', 'attacker', false)");
      for (const [column, value] of [
        ["resource_id_raw", "public"],
        ["subject_id_raw", "nobody"],
      ]) {
        await expect(
          connection.query(
            `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, ${column})
             values ('attacker', 'doc', 'secret', 'read', 'user', 'mallory', $1)`,
            [value],
          ),
        ).rejects.toMatchObject({ code: "23514" });
      }
      for (const [column, value] of [
        ["id", "1"],
        ["created_at", "'2099-01-01'"],
      ]) {
        await expect(
          connection.query(
            `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, ${column})
             overriding system value
             values ('attacker', 'doc', 'secret', 'read', 'user', 'mallory', ${value})`,
          ),
        ).rejects.toMatchObject({ code: "42501" });
      }
    } finally {
      connection.release(true);
    }
  });
});
