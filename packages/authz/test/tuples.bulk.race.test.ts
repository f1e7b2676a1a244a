import { authz } from "@postkit/authz";
import { createTestDatabase, race, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startUntilBlocked } from "./support/blocking.ts";
import { openSession, refusalOf, type Grant, type Session } from "./support/session.ts";

let db: TestDatabase;
let one: Session;
let other: Session;
let third: Session;
let tenant: string;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own, and three connections. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  const sessions = [
    await openSession(db.app, tenant),
    await openSession(db.app, tenant),
    await openSession(db.app, tenant),
  ] as const;
  [one, other, third] = sessions;
  return async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  };
});

const grant: Grant = { resource: "doc:1", relation: "read", subject: "user:alice" };
const future = "2999-01-01T00:00:00.000Z";
const ids = Array.from({ length: 300 }, (_, index) => `u${index}`);
const backwards = [...ids].reverse();

function writeBulk(session: Session, subjectIds: readonly string[], resource = "1") {
  return session.call<number>("write_tuples_bulk", {
    p_resource_type: "doc",
    p_resource_id: resource,
    p_relation: "read",
    p_subject_type: "user",
    p_subject_ids: subjectIds,
  });
}

function transfer(session: Session, from: string, to: string) {
  return session.call<boolean>("transfer_tuple", {
    p_resource_type: "doc",
    p_resource_id: "1",
    p_relation: "read",
    p_from_subject_type: "user",
    p_from_subject_id: from,
    p_to_subject_type: "user",
    p_to_subject_id: to,
  });
}

function revokeOn(session: Session, type: string, id: string) {
  return session.call<number>("revoke_resource_grants", {
    p_resource_type: type,
    p_resource_id: id,
  });
}

function sync(session: Session, subjects: readonly string[]) {
  const desired = subjects.map((id) => ({
    relation: "read",
    subject_type: "user",
    subject_id: id,
  }));
  return session.rows("sync_grants", {
    p_resource_type: "doc",
    p_resource_id: "1",
    p_desired: JSON.stringify(desired),
  });
}

async function holders(): Promise<string[]> {
  const { rows } = await one.query<{ subject_id: string }>(
    "select subject_id from authz.tuples order by subject_id",
  );
  return rows.map(({ subject_id: id }) => id);
}

async function eventsAddUp(): Promise<boolean> {
  const { rows } = await one.query<{ created: number; deleted: number; stored: number }>(
    `select (count(*) filter (where event_type = 'tuple_created'))::int as created,
       (count(*) filter (where event_type = 'tuple_deleted'))::int as deleted,
       (select count(*)::int from authz.tuples) as stored
     from authz.audit_events`,
  );
  const { created = 0, deleted = 0, stored = -1 } = rows[0] ?? {};
  return created - deleted === stored;
}

/** What each of a race gave; a refusal shows as its text. */
function answers(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return results.map((result) =>
    result.status === "fulfilled" ? result.value : String(result.reason),
  );
}

describe("bulk writes", () => {
  it("of the same ids in another order never deadlock, and count each new grant once", async () => {
    for (let round = 0; round < 25; round += 1) {
      const results = await race(2, (index) =>
        index === 0 ? writeBulk(one, ids, `r${round}`) : writeBulk(other, backwards, `r${round}`),
      );
      const counts = answers(results) as number[];
      expect(counts.reduce((sum, count) => sum + count)).toBe(ids.length);
    }
    expect(await eventsAddUp()).toBe(true);
  });

  it("that revive ended grants in another order never deadlock, and count each once", async () => {
    await writeBulk(one, ids);
    for (let round = 0; round < 15; round += 1) {
      await one.query("update authz.tuples set expires_at = '2001-01-01'");
      const results = await race(2, (index) =>
        index === 0 ? writeBulk(one, ids) : writeBulk(other, backwards),
      );
      const counts = answers(results) as number[];
      expect(counts.reduce((sum, count) => sum + count)).toBe(ids.length);
    }
  });

  it("wait for an uncommitted one, and write what that did not", async () => {
    await one.query("begin");
    await writeBulk(one, ["a", "b"]);
    const second = await startUntilBlocked(db, other, () => writeBulk(other, ["c", "b", "a"]));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toBe(1);
  });

  it("do not deadlock with those who take everything back or sync at the same time", async () => {
    await writeBulk(one, ids);
    for (let round = 0; round < 25; round += 1) {
      const results = await race<unknown>(3, (index) => {
        if (index === 0) return writeBulk(one, round % 2 === 0 ? ids : backwards);
        if (index === 1) return revokeOn(other, "doc", "1");
        return sync(third, backwards.slice(round));
      });
      expect(results.map(({ status }) => status)).toEqual(Array(3).fill("fulfilled"));
    }
    expect(await eventsAddUp()).toBe(true);
  });
});

describe("two transfers of one grant", () => {
  it("give it to one: the second finds nothing", async () => {
    await one.grant({ ...grant, expiresAt: future });
    await one.query("begin");
    expect(await transfer(one, "alice", "bob")).toBe(true);
    const second = await startUntilBlocked(db, other, () => transfer(other, "alice", "carol"));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toBe(false);
    expect(await holders()).toEqual(["bob"]);
  });

  it("give it to the second when the first is rolled back", async () => {
    await one.grant(grant);
    await one.query("begin");
    await transfer(one, "alice", "bob");
    const second = await startUntilBlocked(db, other, () => transfer(other, "alice", "carol"));
    await one.query("rollback");
    expect(await second.work).toBe(true);
    expect(await holders()).toEqual(["carol"]);
  });

  it("there and back between two who both hold it never deadlock, and leave one holder", async () => {
    for (let round = 0; round < 40; round += 1) {
      await one.grant({ ...grant, subject: "user:alice" });
      await one.grant({ ...grant, subject: "user:bob" });
      const results = await race(2, (index) =>
        index === 0 ? transfer(one, "alice", "bob") : transfer(other, "bob", "alice"),
      );
      expect(answers(results)).toEqual([true, true]);
      expect(await holders()).toHaveLength(1);
    }
    expect(await eventsAddUp()).toBe(true);
  });
});

describe("a transfer to one who comes before the holder", () => {
  it("does not deadlock with a bulk write of both that is under way", async () => {
    await one.grant({ ...grant, subject: "user:b" });
    await one.query("begin");
    await one.grant({ ...grant, subject: "user:aa" });
    const bulk = await startUntilBlocked(db, other, () => writeBulk(other, ["a", "aa", "b"]));
    expect(bulk.isBlocked).toBe(true);
    const moved = await startUntilBlocked(db, third, () => transfer(third, "b", "a"));
    expect(moved.isBlocked).toBe(true);
    await one.query("commit");
    expect(await bulk.work).toBe(1);
    expect(await moved.work).toBe(true);
    expect(await holders()).toEqual(["a", "aa"]);
  });

  it("writes nothing when the grant was given to somebody else meanwhile", async () => {
    await one.grant({ ...grant, subject: "user:c" });
    await one.query("begin");
    expect(await transfer(one, "c", "b")).toBe(true);
    const second = await startUntilBlocked(db, other, () => transfer(other, "c", "a"));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toBe(false);
    expect(await holders()).toEqual(["b"]);
    expect(await eventsAddUp()).toBe(true);
  });

  it("gives it with the end that was set meanwhile", async () => {
    await one.grant({ ...grant, subject: "user:c" });
    await one.query("begin");
    await one.query("update authz.tuples set expires_at = $1", [future]);
    const second = await startUntilBlocked(db, other, () => transfer(other, "c", "a"));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toBe(true);
    const { rows } = await one.query("select subject_id, expires_at from authz.tuples");
    expect(rows).toEqual([{ subject_id: "a", expires_at: new Date(future) }]);
  });
});

describe("calls that name types for the first time", () => {
  const toSubjects = (session: Session, ...subjects: string[]) =>
    session.call<number>("grant_to_subjects_bulk", {
      p_resource_type: "doc",
      p_resource_id: "1",
      p_relation: "read",
      p_subject_types: subjects.map((subject) => subject.split(":")[0]),
      p_subject_ids: subjects.map((subject) => subject.split(":")[1]),
    });
  const syncTo = (session: Session, relation: string, type: string) =>
    session.rows("sync_grants", {
      p_resource_type: "doc",
      p_resource_id: "1",
      p_desired: JSON.stringify([{ relation, subject_type: type, subject_id: "x" }]),
    });
  const move = (session: Session, from: string, toType: string) =>
    session.call<boolean>("transfer_tuple", {
      p_resource_type: "doc",
      p_resource_id: "1",
      p_relation: "read",
      p_from_subject_type: from,
      p_from_subject_id: "x",
      p_to_subject_type: toType,
      p_to_subject_id: "x",
    });

  it.each<readonly [string, (s: Session) => Promise<unknown>, (s: Session) => Promise<unknown>]>([
    [
      "bulk writes",
      (s) => toSubjects(s, "app:x", "user:y"),
      (s) => toSubjects(s, "user:y", "zoo:x"),
    ],
    ["syncs", (s) => syncTo(s, "member", "team"), (s) => syncTo(s, "read", "zoo")],
    ["transfers", (s) => toSubjects(s, "app:x", "user:x"), (s) => move(s, "user", "zoo")],
  ])("wait before they hold anything, and do not deadlock: %s", async (_, first, second) => {
    await one.grant({ ...grant, subject: "user:x" });
    await one.grant({ resource: "group:a", relation: "member", subject: "group:b" });
    await one.query("begin");
    // Locked and not changed, it is had in turn: first who waits first.
    await one.query("select from authz.graph_state for update");
    const ahead = await startUntilBlocked(db, other, () => first(other));
    expect(ahead.isBlocked).toBe(true);
    const behind = await startUntilBlocked(db, third, () => second(third));
    expect(behind.isBlocked).toBe(true);
    await one.query("commit");
    const results = await Promise.allSettled([ahead.work, behind.work]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
  });

  it("wait for nobody the next time", async () => {
    await toSubjects(one, "app:x", "user:y");
    await one.query("begin");
    await one.grant({ resource: "group:a", relation: "member", subject: "group:b" });
    expect(await toSubjects(other, "app:z", "user:z")).toBe(2);
    await one.query("commit");
  });
});

describe("revocations of many", () => {
  it("of overlapping grants at once never deadlock, and count each grant once", async () => {
    for (let round = 0; round < 20; round += 1) {
      await one.call("grant_to_resources_bulk", {
        p_resource_type: "doc",
        p_resource_ids: ids,
        p_relation: "read",
        p_subject_type: "user",
        p_subject_id: "alice",
      });
      await writeBulk(one, ids, "u7");
      const results = await race(2, (index) =>
        index === 0
          ? one.call("revoke_subject_grants", { p_subject_type: "user", p_subject_id: "alice" })
          : revokeOn(other, "doc", "u7"),
      );
      const counts = answers(results) as number[];
      expect(counts.reduce((sum, count) => sum + count)).toBe(2 * ids.length);
    }
    expect(await eventsAddUp()).toBe(true);
  });

  it("that take structure wait for a structural write before they lock a row", async () => {
    await one.grant({ resource: "team:a", relation: "member", subject: "team:b" });
    await one.grant({ resource: "team:a", relation: "member", subject: "user:alice" });
    await one.query("begin");
    await one.grant({ resource: "team:x", relation: "member", subject: "team:y" });
    const second = await startUntilBlocked(db, other, () => revokeOn(other, "team", "a"));
    expect(second.isBlocked).toBe(true);
    // It would wait for the other here, and the other for it, had that one locked its rows already.
    await one.revoke({ resource: "team:a", relation: "member", subject: "user:alice" });
    await one.revoke({ resource: "team:a", relation: "member", subject: "team:b" });
    await one.query("commit");
    expect(await second.work).toBe(0);
  });

  it("of plain grants do not wait for structure", async () => {
    await one.grant(grant);
    await one.query("begin");
    await one.grant({ resource: "team:x", relation: "member", subject: "team:y" });
    expect(await revokeOn(other, "doc", "1")).toBe(1);
    await one.query("commit");
  });

  it("leave a grant that was revived while they waited to clean it up", async () => {
    await one.grant(grant);
    await one.query("update authz.tuples set expires_at = '2001-01-01'");
    await one.query("begin");
    await one.grant(grant);
    const second = await startUntilBlocked(db, other, () => other.rows("cleanup_expired"));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toEqual([{ tuples_deleted: "0" }]);
    expect(await holders()).toEqual(["alice"]);
  });
});

describe("two syncs of one resource", () => {
  it("take turns: the list of the second holds", async () => {
    await one.query("begin");
    await sync(one, ["a", "b"]);
    const second = await startUntilBlocked(db, other, () => sync(other, ["b", "c"]));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toMatchObject([
      { change: "revoked", subject_id: "a" },
      { change: "granted", subject_id: "c" },
    ]);
    expect(await holders()).toEqual(["b", "c"]);
  });

  it("started at once leave one of the two lists", async () => {
    for (let round = 0; round < 30; round += 1) {
      const results = await race(2, (index) =>
        index === 0 ? sync(one, ["a", "b", `c${round}`]) : sync(other, [`x${round}`, "b", "y"]),
      );
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
      expect([`a b c${round}`, `b x${round} y`]).toContain((await holders()).join(" "));
    }
    expect(await eventsAddUp()).toBe(true);
  });

  it("refuse one another under serializable rather than leave both lists", async () => {
    for (const session of [one, other]) {
      await session.query("begin isolation level serializable");
      await session.query("select from authz.tuples");
    }
    await sync(one, ["a"]);
    const second = await startUntilBlocked(db, other, () =>
      sync(other, ["b"]).then(() => other.query("commit")),
    );
    await one.query("commit");
    expect(await refusalOf(second.work)).toMatchObject({ sqlstate: "40001" });
    await other.query("rollback");
    expect(await holders()).toEqual(["a"]);
  });

  it("of groups close no cycle between them", async () => {
    const member = (session: Session, group: string, of: string) =>
      session.rows("sync_grants", {
        p_resource_type: "team",
        p_resource_id: of,
        p_desired: JSON.stringify([
          { relation: "member", subject_type: "team", subject_id: group },
        ]),
      });
    await one.query("begin");
    await member(one, "a", "b");
    const second = await startUntilBlocked(db, other, () => member(other, "b", "a"));
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await refusalOf(second.work)).toMatchObject({ code: "BIZ_CYCLE_GROUP" });
  });

  it("tell of no group that somebody else made a member meanwhile", async () => {
    await one.grant({ resource: "team:x", relation: "member", subject: "team:b" });
    await one.query("begin");
    await one.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ($1, 'team', 'a', 'member', 'team', 'b')`,
      [tenant],
    );
    const second = await startUntilBlocked(db, other, () =>
      other.rows("sync_grants", {
        p_resource_type: "team",
        p_resource_id: "a",
        p_desired: JSON.stringify([{ relation: "member", subject_type: "team", subject_id: "b" }]),
      }),
    );
    expect(second.isBlocked).toBe(true);
    await one.query("commit");
    expect(await second.work).toEqual([]);
  });

  it("of different resources do not wait for each other", async () => {
    await one.query("begin");
    await sync(one, ["a"]);
    const rows = await other.rows("sync_grants", {
      p_resource_type: "doc",
      p_resource_id: "2",
      p_desired: JSON.stringify([{ relation: "read", subject_type: "user", subject_id: "a" }]),
    });
    expect(rows).toHaveLength(1);
    await one.query("commit");
  });
});
