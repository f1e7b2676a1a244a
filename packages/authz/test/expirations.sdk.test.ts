import { authz } from "@postkit/authz";
import { createPostkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

let db: TestDatabase;
let client: ReturnType<typeof connect>["authz"];

function connect(namespace: string) {
  return createPostkit({ db: db.app, namespace, modules: { authz } });
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
});

const target = { resource: "doc:1", subject: "team:eng#member" } as const;
const future = new Date("2999-01-01T00:00:00.123Z");
const dayMs = 24 * 60 * 60 * 1000;

describe("setExpiration and clearExpiration", () => {
  it("change the end of that grant alone, and tell whether it is there", async () => {
    await client.grant("read", target);
    expect(await client.setExpiration("read", { ...target, expiresAt: future })).toBe(true);
    expect(
      await client.setExpiration("read", { ...target, subject: "team:eng", expiresAt: future }),
    ).toBe(false);
    expect(await client.getAuditEvents({ limit: 1 })).toMatchObject([{ expiresAt: future }]);
    expect(await client.clearExpiration("read", target)).toBe(true);
    expect(await client.clearExpiration("write", target)).toBe(false);
    expect(await client.setExpiration("read", { ...target, expiresAt: null })).toBe(true);
    expect(await client.getAuditEvents({ limit: 1 })).toMatchObject([{ expiresAt: null }]);
  });

  it("make no grant endless for want of a Date", async () => {
    const expiresAt = undefined as unknown as Date;
    await expect(client.setExpiration("read", { ...target, expiresAt })).rejects.toMatchObject({
      module: "core",
      code: "VAL_ARGUMENT",
    });
  });
});

describe("extendExpiration", () => {
  it.each([
    [dayMs, dayMs],
    ["P1D", dayMs],
    [1.5, 1],
    ["PT36H", 1.5 * dayMs],
  ])("moves the end by %s, and gives it as a Date", async (extension, ms) => {
    await client.grant("read", { ...target, expiresAt: future });
    const end = await client.extendExpiration("read", { ...target, extension });
    expect(end.getTime()).toBe(future.getTime() + ms);
  });

  it("refuses what is no longer, or nothing", async () => {
    await client.grant("read", { ...target, expiresAt: future });
    for (const extension of [0, -dayMs, undefined as unknown as number]) {
      await expect(client.extendExpiration("read", { ...target, extension })).rejects.toMatchObject(
        { module: "authz", code: "VAL_INTERVAL_NOT_POSITIVE" },
      );
    }
  });
});

describe("listExpiring and cleanupExpired", () => {
  it("give what ends soon in the words of the client, and clear away what is over", async () => {
    const soon = new Date(Math.floor(Date.now() / 1000) * 1000 + dayMs);
    const inTwoWeeks = new Date(soon.getTime() + 13 * dayMs);
    await client.grant("read", { ...target, expiresAt: soon });
    await client.grant("write", {
      resource: "doc:1",
      subject: "user:alice",
      expiresAt: inTwoWeeks,
    });
    const first = {
      resource: { type: "doc", id: "1" },
      relation: "read",
      subject: { type: "team", id: "eng", relation: "member" },
      expiresAt: soon,
    };
    expect(await client.listExpiring()).toEqual([first]);
    expect(await client.listExpiring({ within: dayMs / 2 })).toEqual([]);
    expect(await client.listExpiring({ within: "P30D" })).toMatchObject([
      first,
      { subject: { relation: undefined }, expiresAt: inTwoWeeks },
    ]);
    expect(await client.cleanupExpired()).toEqual({ tuplesDeleted: 0 });
    await db.super.query(
      "update authz.tuples set expires_at = '2001-01-01' where namespace = $1 and relation = 'read'",
      [`tenant ${tests}`],
    );
    expect(await client.cleanupExpired()).toEqual({ tuplesDeleted: 1 });
  });
});
