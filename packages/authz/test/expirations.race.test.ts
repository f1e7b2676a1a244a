import { authz } from "@postkit/authz";
import { createTestDatabase, race, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startUntilBlocked } from "./support/blocking.ts";
import {
  openSession,
  refusalOf,
  tupleArguments,
  type Grant,
  type Session,
} from "./support/session.ts";

let db: TestDatabase;
let one: Session;
let other: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own, and two connections. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  const tenant = `tenant ${tests}`;
  const sessions = [await openSession(db.app, tenant), await openSession(db.app, tenant)] as const;
  [one, other] = sessions;
  return async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  };
});

const grant: Grant = {
  resource: "doc:1",
  relation: "read",
  subject: "user:alice",
  expiresAt: "2999-01-01T00:00:00Z",
};

const extend = (session: Session, tuple: Grant = grant) =>
  session.call<Date>("extend_expiration", {
    ...tupleArguments(tuple),
    p_extension: "1 hour",
  });

async function end(): Promise<string | undefined> {
  const { rows } = await one.query<{ expires_at: Date }>("select expires_at from authz.tuples");
  return rows[0]?.expires_at?.toISOString();
}

describe("extensions at the same time", () => {
  it("add up: the second waits for the first and goes on from there", async () => {
    await one.grant(grant);
    await one.query("begin");
    await extend(one);
    const second = await startUntilBlocked(db, other, () => extend(other));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toEqual(new Date("2999-01-01T02:00:00Z"));
    expect(await end()).toBe("2999-01-01T02:00:00.000Z");
  });

  it("add up, however many there are", async () => {
    await one.grant(grant);
    const sessions = await Promise.all(
      Array.from({ length: 6 }, () => openSession(db.app, `tenant ${tests}`)),
    );
    const results = await race(6, async (index) => {
      for (let step = 0; step < 4; step += 1) await extend(sessions[index] as Session);
    });
    expect(results.map(({ status }) => status)).toEqual(Array(6).fill("fulfilled"));
    expect(await end()).toBe("2999-01-02T00:00:00.000Z");
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it("are refused under repeatable read rather than lost", async () => {
    await one.grant(grant);
    await other.query("begin isolation level repeatable read");
    await other.query("select from authz.tuples");
    await extend(one);
    expect(await refusalOf(extend(other))).toMatchObject({ sqlstate: "40001" });
    await other.query("rollback");
  });

  it("find nothing when the grant is taken back meanwhile", async () => {
    await one.grant(grant);
    await one.query("begin");
    await one.revoke(grant);
    const second = await startUntilBlocked(db, other, () => extend(other));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await refusalOf(second.work)).toMatchObject({ code: "DATA_GRANT_NOT_FOUND" });
  });

  it("of structural edges wait for structure before they lock the edge", async () => {
    const edge = { ...grant, resource: "team:a", relation: "member", subject: "team:b" };
    await one.grant(edge);
    await one.query("begin");
    await one.grant({ ...edge, resource: "team:x" });
    const second = await startUntilBlocked(db, other, () => extend(other, edge));
    expect(second.isBlocked).toBe(true);
    // It would wait for the other here, and the other for it, had that one locked the edge already.
    await one.revoke(edge);
    await one.query("commit");
    expect(await refusalOf(second.work)).toMatchObject({ code: "DATA_GRANT_NOT_FOUND" });
  });
});
