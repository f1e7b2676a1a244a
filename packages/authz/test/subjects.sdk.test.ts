import { authz } from "@postkit/authz";
import { createPostkit, isPostkitError, type Postkit, type QueryEvent } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ authz: typeof authz }>;
let client: typeof postkit.authz;
const calls: QueryEvent[] = [];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  postkit = createPostkit({
    db: db.app,
    namespace: `tenant ${tests}`,
    modules: { authz },
    onQuery: (event) => calls.push(event),
  });
  client = postkit.authz;
  for (const id of ["a", "b", "c"])
    await client.grant("read", { resource: "doc:1", subject: `user:${id}` });
  await client.grant("read", { resource: "doc:1", subject: "team:empty" });
  calls.length = 0;
});

const everybody = [
  { type: "team", id: "empty" },
  { type: "user", id: "a" },
  { type: "user", id: "b" },
  { type: "user", id: "c" },
];

describe("listSubjects", () => {
  it("gives pages that follow each other, the last subject as the cursor", async () => {
    const first = await client.listSubjects("read", "doc:1", { limit: 3 });
    const second = await client.listSubjects("read", "doc:1", { limit: 3, cursor: first.at(-1) });
    expect([first, second]).toEqual([everybody.slice(0, 3), everybody.slice(3)]);
    expect(await client.listSubjects("read", "doc:1", { cursor: "user:a" })).toEqual(
      everybody.slice(2),
    );
  });

  it("gives a hundred unless told otherwise, and of one type when asked", async () => {
    const subjects = await client.listSubjects("read", { type: "doc", id: "1" });
    expect(subjects).toEqual(everybody);
    expect(await client.listSubjects("read", "doc:1", { subjectType: "team" })).toEqual(
      everybody.slice(0, 1),
    );
    for (let index = 0; index < 100; index += 1)
      await client.grant("read", { resource: "doc:2", subject: `user:${index}` });
    await client.grant("read", { resource: "doc:2", subject: "user:last" });
    expect(await client.listSubjects("read", "doc:2")).toHaveLength(100);
  });

  it("takes a cursor with hashes and colons as it gave it", async () => {
    const subject = { type: "user", id: "oidc|a#b:c" };
    await client.grant("own", { resource: "doc:1", subject });
    await client.grant("own", { resource: "doc:1", subject: "user:z" });
    const [first] = await client.listSubjects("own", "doc:1", { limit: 1 });
    expect(first).toEqual(subject);
    expect(await client.listSubjects("own", "doc:1", { cursor: first })).toEqual([
      { type: "user", id: "z" },
    ]);
  });

  it("refuses before it asks what is no reference, no single subject or no whole number", async () => {
    for (const [work, code] of [
      [client.listSubjects("read", "doc"), "authz.VAL_IDENTIFIER_FORMAT"],
      [client.listSubjects("read", "doc:1", { cursor: "a" }), "authz.VAL_IDENTIFIER_FORMAT"],
      [client.listSubjects("read", "doc:1", { cursor: "a:b#c" }), "authz.VAL_ID_INVALID_CHARS"],
      [client.listSubjects("read", "doc:1", { limit: 1.5 }), "core.VAL_ARGUMENT"],
      [client.iterateSubjects("read", "doc").next(), "authz.VAL_IDENTIFIER_FORMAT"],
      [client.countSubjects("read", "doc"), "authz.VAL_IDENTIFIER_FORMAT"],
    ] as const) {
      const error: unknown = await work.catch((reason: unknown) => reason);
      expect([isPostkitError(error, code), error]).toEqual([true, expect.anything()]);
    }
    expect(calls).toEqual([]);
  });
});

describe("iterateSubjects", () => {
  async function iterate(query: Parameters<typeof client.iterateSubjects>[2]) {
    const subjects: unknown[] = [];
    for await (const subject of client.iterateSubjects("read", "doc:1", query))
      subjects.push(subject);
    return subjects;
  }

  it.each([
    [1, 5],
    [2, 3],
    [3, 2],
    [4, 2],
    [5, 1],
    [undefined, 1],
  ])("gives everybody in pages of %s, in %s calls", async (limit, pages) => {
    expect(await iterate({ limit })).toEqual(everybody);
    expect(calls.map(({ name }) => name)).toEqual(
      Array.from({ length: pages }, () => "authz.list_subjects"),
    );
  });

  it("begins behind a subject and keeps to a type", async () => {
    expect(await iterate({ limit: 1, cursor: "user:a" })).toEqual(everybody.slice(2));
    expect(await iterate({ limit: 2, subjectType: "user" })).toEqual(everybody.slice(1));
  });

  it("asks for no page before it is needed", async () => {
    const subjects = client.iterateSubjects("read", "doc:1", { limit: 2 });
    expect(calls).toHaveLength(0);
    await subjects.next();
    await subjects.next();
    expect(calls).toHaveLength(1);
    await subjects.return();
    expect(await subjects.next()).toEqual({ done: true, value: undefined });
    expect(calls).toHaveLength(1);
  });

  it("is refused a limit that is none", async () => {
    for (const limit of [0, 1001])
      await expect(iterate({ limit })).rejects.toMatchObject({ module: "authz" });
  });
});

describe("countSubjects", () => {
  it("gives a number, of all or of one type", async () => {
    expect([
      await client.countSubjects("read", "doc:1"),
      await client.countSubjects("read", "doc:1", { subjectType: "user" }),
      await client.countSubjects("read", "doc:none"),
    ]).toEqual([4, 3, 0]);
  });

  it("sees what its transaction wrote", async () => {
    await postkit.transaction(async (tx) => {
      await tx.authz.grant("read", { resource: "doc:1", subject: "user:new" });
      expect(await tx.authz.countSubjects("read", "doc:1")).toBe(5);
      expect(await client.countSubjects("read", "doc:1")).toBe(4);
    });
  });
});
