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

let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  [one, other] = [await openSession(db.app, tenant), await openSession(db.app, tenant)];
  return async () => {
    for (const session of [one, other]) await session[Symbol.asyncDispose]();
  };
});

function inside(child: string, parent: string): Grant {
  return { resource: child, relation: "parent", subject: parent };
}

/** Starts work on a connection and comes back when it waits for a lock; fails when it does not. */
async function startBlocked<T>(session: Session, work: () => Promise<T>) {
  const { rows } = await session.query<{ pid: number }>("select pg_backend_pid() as pid");
  const running = work();
  running.catch(() => {});
  await waitFor(async () => {
    const { rowCount } = await db.super.query(
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
      [rows[0]?.pid],
    );
    return rowCount === 1;
  });
  return { work: running };
}

describe("a resource that can contain nothing of its own type", () => {
  beforeEach(async () => {
    await one.grant(inside("doc:first", "folder:a"));
  });

  it("is put into a folder without waiting for another that is", async () => {
    await one.query("begin");
    await one.grant(inside("doc:1", "folder:a"));
    await other.query("set lock_timeout = '5s'");
    await other.grant(inside("doc:2", "folder:a"));
    await one.query("commit");
    await one.grant({ resource: "folder:a", relation: "read", subject: "user:alice" });
    expect(await one.check("user:alice", "read", "doc:1")).toBe(true);
    expect(await one.check("user:alice", "read", "doc:2")).toBe(true);
  });

  it("nor for one who nests folders or groups", async () => {
    await one.grant(inside("folder:a", "folder:root"));
    await one.query("begin");
    await one.grant(inside("folder:b", "folder:a"));
    await one.grant({ resource: "team:a", relation: "member", subject: "team:b" });
    await other.query("set lock_timeout = '5s'");
    expect(await other.grant(inside("doc:2", "folder:a"))).toMatch(/^\d+$/);
    expect(await other.revoke(inside("doc:2", "folder:a"))).toBe(true);
    await one.query("commit");
  });

  it("is waited for by the first edge that would let it contain itself, which is refused then", async () => {
    await one.query("begin");
    await one.grant(inside("doc:1", "folder:b"));
    const closing = await startBlocked(other, () => other.grant(inside("folder:b", "doc:1")));
    await one.query("commit");
    expect((await refusalOf(closing.work)).code).toBe("BIZ_CYCLE_RESOURCE");
  });

  it("waits for such an edge, and is refused when it closes a cycle", async () => {
    await one.query("begin");
    await one.grant(inside("folder:b", "doc:1"));
    const closing = await startBlocked(other, () => other.grant(inside("doc:1", "folder:b")));
    await one.query("commit");
    expect((await refusalOf(closing.work)).code).toBe("BIZ_CYCLE_RESOURCE");
  });

  it("closes no cycle over three types, one edge of each", async () => {
    await one.grant(inside("shelf:a", "doc:1"));
    expect((await refusalOf(one.grant(inside("doc:1", "shelf:a")))).code).toBe(
      "BIZ_CYCLE_RESOURCE",
    );
    await one.grant(inside("folder:a", "shelf:a"));
    expect((await refusalOf(one.grant(inside("doc:1", "folder:a")))).code).toBe(
      "BIZ_CYCLE_RESOURCE",
    );
    expect(await one.grant(inside("doc:2", "folder:a"))).toMatch(/^\d+$/);
  });

  it("may contain itself for the first time under read committed alone", async () => {
    for (const level of ["repeatable read", "serializable"]) {
      await one.query(`begin isolation level ${level}`);
      const refusal = await refusalOf(one.grant(inside("folder:a", "doc:other")));
      expect(refusal).toMatchObject({ code: "BIZ_ISOLATION_LEVEL", sqlstate: "25001" });
      await one.query("rollback");
    }
    await one.grant(inside("folder:a", "doc:other"));
    await one.query("begin isolation level repeatable read");
    await one.grant(inside("folder:a", "doc:third"));
    await one.query("commit");
  });
});

describe("a group of a new kind", () => {
  it("counts at once, whoever writes the grant that makes it one", async () => {
    await one.grant({ resource: "club:a", relation: "member", subject: "user:alice" });
    await db.super.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values ($1, 'doc', '1', 'read', 'club', 'a')`,
      [tenant],
    );
    expect(await one.check("user:alice", "read", "doc:1")).toBe(true);
  });

  it("is made one by many at once", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 8 }, () => openSession(db.app, tenant)),
    );
    await one.grant({ resource: "club:a", relation: "member", subject: "user:alice" });
    const results = await race(8, (index) =>
      (sessions[index] as Session).grant({
        resource: `doc:${index}`,
        relation: "read",
        subject: index % 2 === 0 ? "club:a" : "club:a#member",
      }),
    );
    expect(results.map(({ status }) => status)).toEqual(Array(8).fill("fulfilled"));
    for (let doc = 0; doc < 8; doc += 1) {
      expect(await one.check("user:alice", "read", `doc:${doc}`)).toBe(true);
    }
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });
});

describe("sixteen connections that write random structure in transactions of several writes", () => {
  const connections = 16;
  const transactions = 25;
  const nodes = 10;

  it("never commit a cycle and never deadlock", async () => {
    const sessions = await Promise.all(
      Array.from({ length: connections }, () => openSession(db.app, tenant)),
    );
    let committed = 0;
    const results = await race(connections, async (index) => {
      const session = sessions[index] as Session;
      for (let n = 0; n < transactions; n += 1) {
        await session.query("begin");
        try {
          for (let write = 0; write < 4; write += 1) await randomWrite(session);
          await session.query("commit");
          committed += 1;
        } catch (error) {
          await session.query("rollback");
          const { code } = await refusalOf(Promise.reject(error));
          if (code !== "BIZ_CYCLE_GROUP" && code !== "BIZ_CYCLE_RESOURCE") throw error;
        }
      }
    });
    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(committed).toBeGreaterThan(connections);
    const { rows } = await one.query<{ relation: string; child: string; parent: string }>(
      `select relation,
         case relation when 'parent' then resource_id else subject_id end as child,
         case relation when 'parent' then subject_id else resource_id end as parent
       from authz.tuples`,
    );
    expect(rows.length).toBeGreaterThan(nodes);
    for (const relation of ["member", "parent"]) {
      expect(cycleAmong(rows.filter((row) => row.relation === relation))).toBe(undefined);
    }
    for (const session of sessions) await session[Symbol.asyncDispose]();
  }, 60_000);

  async function randomWrite(session: Session): Promise<unknown> {
    const pick = () => Math.floor(Math.random() * nodes);
    const [a, b] = [pick(), pick()];
    if (a === b) return undefined;
    const edge =
      Math.random() < 0.5
        ? { resource: `team:${a}`, relation: "member", subject: `team:${b}#member` }
        : inside(`folder:${a}`, `folder:${b}`);
    return Math.random() < 0.3 ? session.revoke(edge) : session.grant(edge);
  }

  /** Takes away what contains nothing until nothing is left, or only cycles are. */
  function cycleAmong(edges: readonly { child: string; parent: string }[]) {
    for (let left = edges; ;) {
      const parents = new Set(left.map(({ parent }) => parent));
      const next = left.filter(({ child }) => parents.has(child));
      if (next.length === 0) return undefined;
      if (next.length === left.length) return left;
      left = next;
    }
  }
});
