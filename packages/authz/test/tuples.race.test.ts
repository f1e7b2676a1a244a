import { authz } from "@postkit/authz";
import { createTestDatabase, race, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, refusalOf, type Grant, type Session } from "./support/session.ts";

let db: TestDatabase;
let one: Session;
let other: Session;
let tenant: string;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own, and two connections. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  const sessions = [await openSession(db.app, tenant), await openSession(db.app, tenant)] as const;
  [one, other] = sessions;
  return async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  };
});

const grant: Grant = { resource: "doc:1", relation: "read", subject: "user:alice" };

/** `team a>b`: b is a member of a. `folder a>b`: b is the parent of a. */
function edge(text: string): Grant {
  const [type, resource, subject] = text.split(/[ >]/) as [string, string, string];
  return {
    resource: `${type}:${resource}`,
    relation: type === "team" ? "member" : "parent",
    subject: `${type}:${subject}`,
  };
}

async function backendOf(session: Session): Promise<number> {
  const { rows } = await session.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/** Starts work on a connection and comes back when it waits for a lock, or has ended. */
async function startUntilBlocked<T>(
  session: Session,
  work: () => Promise<T>,
): Promise<{ work: Promise<T> }> {
  const pid = await backendOf(session);
  let settled = false;
  const running = work();
  running.then(
    () => (settled = true),
    () => (settled = true),
  );
  await waitFor(async () => {
    const { rowCount } = await db.super.query(
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
      [pid],
    );
    return settled || rowCount === 1;
  });
  return { work: running };
}

async function thenCommit<T>(session: Session, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await session.query("commit");
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const { code, sqlstate } = await refusalOf(work);
  return code ?? sqlstate ?? "";
}

async function edges(): Promise<string[]> {
  const { rows } = await one.query<{ edge: string }>(
    "select format('%s %s>%s', resource_type, resource_id, subject_id) as edge from authz.tuples order by 1",
  );
  return rows.map((row) => row.edge);
}

describe.each([
  ["groups", "team", "BIZ_CYCLE_GROUP"],
  ["containers", "folder", "BIZ_CYCLE_RESOURCE"],
])("a cycle of %s", (_, type, code) => {
  it("is not closed by two transactions whose edges do not touch (D2)", async () => {
    await one.grant(edge(`${type} b>c`));
    await one.grant(edge(`${type} d>a`));
    await one.query("begin");
    await other.query("begin");
    await one.grant(edge(`${type} a>b`));
    const second = await startUntilBlocked(other, () => other.grant(edge(`${type} c>d`)));
    await one.query("commit");
    expect(await codeOf(second.work)).toBe(code);
    await other.query("rollback");
    expect(await edges()).toEqual([`${type} a>b`, `${type} b>c`, `${type} d>a`]);
  });

  it("is closed by the second after all when the first gives up", async () => {
    await one.grant(edge(`${type} b>a`));
    await one.query("begin");
    await one.revoke(edge(`${type} b>a`));
    const second = await startUntilBlocked(other, () => other.grant(edge(`${type} a>b`)));
    await one.query("commit");
    expect(await second.work).toMatch(/^\d+$/);
    expect(await edges()).toEqual([`${type} a>b`]);
  });

  it.each(["repeatable read", "serializable"])(
    "is no risk under %s: the second is told to try again",
    async (level) => {
      await one.grant(edge(`${type} b>c`));
      await one.grant(edge(`${type} d>a`));
      for (const session of [one, other]) {
        await session.query(`begin isolation level ${level}`);
        await session.query("select from authz.tuples");
      }
      await one.grant(edge(`${type} a>b`));
      const second = await startUntilBlocked(other, () => other.grant(edge(`${type} c>d`)));
      await one.query("commit");
      expect(await codeOf(second.work)).toBe("40001");
      await other.query("rollback");
      expect(await codeOf(other.grant(edge(`${type} c>d`)))).toBe(code);
    },
  );

  it("is no risk under repeatable read either for the first two edges of a tenant", async () => {
    for (const session of [one, other]) {
      await session.query("begin isolation level repeatable read");
      await session.query("select from authz.tuples");
    }
    await one.grant(edge(`${type} a>b`));
    const second = await startUntilBlocked(other, () => other.grant(edge(`${type} b>a`)));
    await one.query("commit");
    expect(await codeOf(second.work)).toBe("40001");
    await other.query("rollback");
  });

  it("never comes of many writers at once: of each ring one edge is refused", async () => {
    const ring = ["a>b", "b>c", "c>d", "d>a"];
    const sessions = await Promise.all(ring.map(() => openSession(db.app)));
    for (let round = 0; round < 15; round += 1) {
      for (const session of sessions) await session.useTenant(`${tenant} ring ${round}`);
      const results = await race(ring.length, (index) =>
        codeOf(
          sessions[index]?.grant(edge(`${type} ${ring[index]}`)) ??
            Promise.reject(new Error("no session")),
        ).catch((error: Error) => error.message),
      );
      const said = results.map((result) =>
        result.status === "fulfilled" ? result.value : String(result.reason),
      );
      expect(said.filter((text) => text === code)).toHaveLength(1);
      expect(said.filter((text) => text === "The statement was not refused.")).toHaveLength(3);
    }
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });
});

describe("transactions that change nothing but structure", () => {
  const inOrder = async (session: Session, steps: readonly (() => Promise<unknown>)[]) => {
    await session.query("begin");
    try {
      for (const step of steps) await step();
      await session.query("commit");
    } catch (error) {
      await session.query("rollback");
      throw error;
    }
  };

  it("never deadlock, in whatever order they write (D3)", async () => {
    for (let round = 0; round < 40; round += 1) {
      const first = edge(`team a${round}>x`);
      const second = edge(`folder b${round}>y`);
      const results = await race(2, (index) => {
        const session = index === 0 ? one : other;
        const order = index === 0 ? [first, second] : [second, first];
        return inOrder(
          session,
          order.map((tuple) => () => session.grant(tuple)),
        );
      });
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    }
    expect(await edges()).toHaveLength(80);
  });

  it("wait for each other when they write in opposite order, and both succeed", async () => {
    const [first, second] = [edge("team a>x"), edge("team b>y")];
    await one.query("begin");
    await one.grant(first);
    const waiting = await startUntilBlocked(other, () =>
      inOrder(other, [() => other.grant(second), () => other.grant(first)]),
    );
    await one.grant(second);
    await one.query("commit");
    await waiting.work;
    expect(await edges()).toEqual(["team a>x", "team b>y"]);
  });

  it("wait for each other when they delete in opposite order, and both succeed", async () => {
    const [first, second] = [edge("folder a>x"), edge("folder b>y")];
    await one.grant(first);
    await one.grant(second);
    await one.query("begin");
    await one.revoke(first);
    await other.query("begin");
    const waiting = await startUntilBlocked(other, () => other.revoke(second));
    const finishing = await startUntilBlocked(one, () => one.revoke(second));
    const both = Promise.allSettled([
      thenCommit(one, finishing.work),
      thenCommit(
        other,
        waiting.work.then(() => other.revoke(first)),
      ),
    ]);
    expect(
      (await both).map((result) =>
        result.status === "fulfilled" ? "done" : String(result.reason),
      ),
    ).toEqual(["done", "done"]);
    expect(await edges()).toEqual([]);
  });

  it("wait for each other when one moves a folder to where the other puts it back", async () => {
    await one.grant(edge("folder f>old"));
    await one.query("begin");
    await one.revoke(edge("folder f>old"));
    const waiting = await startUntilBlocked(other, () => other.grant(edge("folder f>old")));
    const moving = await startUntilBlocked(one, () => one.grant(edge("folder f>new")));
    const both = await Promise.allSettled([thenCommit(one, moving.work), waiting.work]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect(await edges()).toEqual(["folder f>new", "folder f>old"]);
  });

  it("wait for each other when they take rules back in opposite order, and both succeed", async () => {
    const rules = ["a", "b"].map((p_permission) => ({
      p_resource_type: "doc",
      p_permission,
      p_implies: "read",
    }));
    for (const rule of rules) await one.call("add_hierarchy", rule);
    await one.query("begin");
    await one.call("remove_hierarchy", rules[0]);
    const waiting = await startUntilBlocked(other, () =>
      inOrder(other, [
        () => other.call("remove_hierarchy", rules[1]),
        () => other.call("remove_hierarchy", rules[0]),
      ]),
    );
    await one.call("clear_hierarchy", { p_resource_type: "doc" });
    await one.query("commit");
    await waiting.work;
    const { rows } = await one.query("select from authz.permission_hierarchy");
    expect(rows).toEqual([]);
  });

  it("of different tenants do not wait for each other", async () => {
    await other.useTenant(`${tenant} neighbour`);
    await one.query("begin");
    await one.grant(edge("team a>b"));
    await other.grant(edge("team b>a"));
    await one.query("commit");
    expect(await edges()).toEqual(["team a>b"]);
  });
});

describe("a user's grant", () => {
  it("does not wait for structure", async () => {
    await one.query("begin");
    await one.grant(edge("team a>b"));
    await one.grant(edge("folder a>b"));
    await other.grant({ resource: "team:a", relation: "member", subject: "user:alice" });
    await other.grant(grant);
    await other.revoke(grant);
    await one.query("commit");
    expect(await other.check("user:alice", "member", "team:a")).toBe(true);
  });

  it("made many times at once is one row, one id and one event", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 8 }, () => openSession(db.app, tenant)),
    );
    for (let round = 0; round < 10; round += 1) {
      const results = await race(8, (index) =>
        sessions[index]?.grant({ ...grant, resource: `doc:${round}` }),
      );
      const ids = results.map((result) =>
        result.status === "fulfilled" ? result.value : String(result.reason),
      );
      expect(new Set(ids).size).toBe(1);
    }
    const events = await one.rows("get_audit_events");
    expect([(await edges()).length, events.length]).toEqual([10, 10]);
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it("waits for an uncommitted one: the same id if that is committed", async () => {
    await one.query("begin");
    const id = await one.grant(grant);
    const second = await startUntilBlocked(other, () => other.grant(grant));
    await one.query("commit");
    expect(await second.work).toBe(id);
  });

  it("waits for an uncommitted one: a row of its own if that is rolled back", async () => {
    await one.query("begin");
    const id = await one.grant(grant);
    const second = await startUntilBlocked(other, () => other.grant(grant));
    await one.query("rollback");
    expect(await second.work).not.toBe(id);
    expect(await edges()).toHaveLength(1);
  });

  it("waits for an uncommitted delete: a new row if that is committed, the old one if not", async () => {
    const id = await one.grant(grant);
    for (const [end, isSame] of [
      ["rollback", true],
      ["commit", false],
    ] as const) {
      await one.query("begin");
      await one.revoke(grant);
      const second = await startUntilBlocked(other, () => other.grant(grant));
      await one.query(end);
      expect((await second.work) === id).toBe(isSame);
    }
    expect(await edges()).toHaveLength(1);
  });

  it("that has ended is revived by one of two, whose expiry stays", async () => {
    await one.grant({ ...grant, expiresAt: "2998-01-01T00:00:00Z" });
    await one.query("update authz.tuples set expires_at = '2001-01-01'");
    await one.query("begin");
    const id = await one.grant({ ...grant, expiresAt: "2998-06-01T00:00:00Z" });
    const second = await startUntilBlocked(other, () =>
      other.grant({ ...grant, expiresAt: "2999-01-01T00:00:00Z" }),
    );
    await one.query("commit");
    expect(await second.work).toBe(id);
    const { rows } = await one.query<{ expires_at: Date }>("select expires_at from authz.tuples");
    expect(rows).toEqual([{ expires_at: new Date("2998-06-01T00:00:00Z") }]);
  });

  it("cannot be deleted under one who was just told that it is there", async () => {
    await one.grant(grant);
    await one.query("begin");
    await one.grant(grant);
    const second = await startUntilBlocked(other, () => other.revoke(grant));
    expect(await one.check("user:alice", "read", "doc:1")).toBe(true);
    await one.query("commit");
    expect(await second.work).toBe(true);
  });
});

describe("a storm of grants and revocations", () => {
  it("leaves one row or none for each key, and an audit that adds up", async () => {
    const keys = ["doc:1", "doc:2", "folder:1"].flatMap((resource): Grant[] => [
      { resource, relation: "read", subject: "user:alice" },
      { resource, relation: "parent", subject: "folder:root" },
    ]);
    const sessions = await Promise.all(
      Array.from({ length: 5 }, () => openSession(db.app, tenant)),
    );
    const results = await race(sessions.length, async (index) => {
      const session = sessions[index] as Session;
      const deleted: string[] = [];
      for (let step = 0; step < 60; step += 1) {
        const key = keys[(step * 7 + index * 3 + (step >> 2)) % keys.length] as Grant;
        if ((step + index) % 2 === 0) await session.grant(key);
        else if (await session.revoke(key)) deleted.push(`${key.resource} ${key.relation}`);
      }
      return deleted;
    });
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill("fulfilled"));
    const deleted = results.flatMap((result) =>
      result.status === "fulfilled" ? result.value : [],
    );
    const { rows } = await one.query<{
      key: string;
      created: number;
      deleted: number;
      stored: number;
    }>(
      `select format('%s:%s %s', e.resource_type, e.resource_id, e.relation) as key,
         (count(*) filter (where e.event_type = 'tuple_created'))::int as created,
         (count(*) filter (where e.event_type = 'tuple_deleted'))::int as deleted,
         (select count(*)::int from authz.tuples t
          where t.resource_type = e.resource_type and t.resource_id = e.resource_id and t.relation = e.relation) as stored
       from authz.audit_events e
       group by e.resource_type, e.resource_id, e.relation
       order by 1`,
    );
    expect(rows).toHaveLength(keys.length);
    for (const { key, created, deleted: recorded, stored } of rows) {
      expect([key, recorded]).toEqual([key, deleted.filter((one) => one === key).length]);
      expect([key, created - recorded]).toEqual([key, stored]);
      expect(stored).toBeLessThanOrEqual(1);
    }
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });
});

describe("rules", () => {
  const rule = (session: Session, permission: string, implies: string) =>
    session.call("add_hierarchy", {
      p_resource_type: "doc",
      p_permission: permission,
      p_implies: implies,
    });

  it("of two transactions close no loop, though neither sees the other's", async () => {
    await rule(one, "b", "c");
    await rule(one, "d", "a");
    await one.query("begin");
    await rule(one, "a", "b");
    const second = await startUntilBlocked(other, () => rule(other, "c", "d"));
    await one.query("commit");
    expect(await codeOf(second.work)).toBe("BIZ_CYCLE_HIERARCHY");
  });

  it("close no loop under repeatable read: the second is told to try again", async () => {
    for (const session of [one, other]) {
      await session.query("begin isolation level repeatable read");
      await session.query("select from authz.tuples");
    }
    await rule(one, "a", "b");
    const second = await startUntilBlocked(other, () => rule(other, "b", "a"));
    await one.query("commit");
    expect(await codeOf(second.work)).toBe("40001");
    await other.query("rollback");
  });

  it("made many times at once are one, with one id and one event", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 6 }, () => openSession(db.app, tenant)),
    );
    const results = await race(6, (index) => rule(sessions[index] as Session, "write", "read"));
    const ids = results.map((result) =>
      result.status === "fulfilled" ? result.value : String(result.reason),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await one.rows("get_audit_events")).toHaveLength(1);
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it("may form a loop with a later global rule, which ends all the same", async () => {
    await rule(one, "write", "read");
    await using owner = await openSession(db.owner, "global");
    await owner.query("set postkit.maintenance = 'on'");
    await rule(owner, "read", "write");
    await one.grant({ ...grant, relation: "read" });
    expect(await one.check("user:alice", "write", "doc:1")).toBe(true);
    expect(await one.check("user:alice", "delete", "doc:1")).toBe(false);
    await owner.call("clear_hierarchy", { p_resource_type: "doc" });
  });
});
