import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  openSession,
  refusalOf,
  tupleArguments,
  type Grant,
  type NamedArguments,
  type Session,
} from "./support/session.ts";

const future = "2999-01-01T00:00:00.000Z";
const later = "2999-06-01T00:00:00.000Z";
const past = "2001-01-01T00:00:00.000Z";

let db: TestDatabase;
let app: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  const session = await openSession(db.app, `tenant ${tests}`);
  app = session;
  return () => session[Symbol.asyncDispose]();
});

const grant: Grant = { resource: "doc:1", relation: "read", subject: "user:alice" };
const structural: readonly Grant[] = [
  { resource: "team:a", relation: "member", subject: "team:b" },
  { resource: "folder:a", relation: "parent", subject: "folder:b" },
];

async function ends(): Promise<(string | null)[]> {
  const { rows } = await app.query<{ expires_at: Date | null }>(
    "select expires_at from authz.tuples order by id",
  );
  return rows.map(({ expires_at: end }) => end?.toISOString() ?? null);
}

async function events(): Promise<string[]> {
  const rows = await app.rows<{ event_type: string }>("get_audit_events");
  return rows.map(({ event_type: type }) => type).reverse();
}

async function letEnd(): Promise<void> {
  await app.query("update authz.tuples set expires_at = $1", [past]);
}

const call = <T>(name: string, tuple: Grant, more: NamedArguments = {}) =>
  app.call<T>(name, { ...tupleArguments(tuple), ...more });
const setEnd = (tuple: Grant, end: string | null) =>
  call<boolean>("set_expiration", tuple, { p_expires_at: end });
const extend = (tuple: Grant, extension: string) =>
  call<Date>("extend_expiration", tuple, { p_extension: extension });

describe("set_expiration and clear_expiration", () => {
  it("set, change and take away the end of a grant", async () => {
    await app.grant(grant);
    expect(await setEnd(grant, future)).toBe(true);
    expect(await ends()).toEqual([future]);
    expect(await setEnd(grant, later)).toBe(true);
    expect(await ends()).toEqual([later]);
    expect(await call("clear_expiration", grant)).toBe(true);
    expect(await ends()).toEqual([null]);
    expect(await events()).toEqual(["tuple_created", ...Array<string>(3).fill("tuple_updated")]);
  });

  it("record nothing where nothing changes", async () => {
    await app.grant({ ...grant, expiresAt: future });
    expect(await setEnd(grant, future)).toBe(true);
    await app.grant({ ...grant, resource: "doc:2" });
    expect(await call("clear_expiration", { ...grant, resource: "doc:2" })).toBe(true);
    expect(await setEnd({ ...grant, resource: "doc:2" }, "infinity")).toBe(true);
    expect(await events()).toEqual(["tuple_created", "tuple_created"]);
  });

  it("take their arguments by position, as the contract has them", async () => {
    const namespace = `tenant ${tests}`;
    await app.grant({ ...grant, subject: "team:eng#admin" });
    await app.query(
      "select authz.set_expiration('doc', '1', 'read', 'team', 'eng', $1, $2, 'admin')",
      [future, namespace],
    );
    expect(await ends()).toEqual([future]);
    const { rows } = await app.query<{ end: Date }>(
      "select authz.extend_expiration('doc', '1', 'read', 'team', 'eng', '1 hour', $1, 'admin') as end",
      [namespace],
    );
    expect(rows[0]?.end.toISOString()).toBe("2999-01-01T01:00:00.000Z");
    await app.query(
      "select authz.clear_expiration('doc', '1', 'read', 'team', 'eng', $1, 'admin')",
      [namespace],
    );
    expect(await ends()).toEqual([null]);
  });

  it("take a null and infinity for no end", async () => {
    await app.grant({ ...grant, expiresAt: future });
    for (const end of [null, "infinity"]) {
      await setEnd(grant, future);
      expect(await setEnd(grant, end)).toBe(true);
      expect(await ends()).toEqual([null]);
    }
  });

  it("tell when there is no such grant, whatever is like it", async () => {
    await app.grant({ ...grant, subject: "user:alice#member" });
    await app.grant({ ...grant, relation: "write" });
    expect(await setEnd(grant, future)).toBe(false);
    expect(await call("clear_expiration", grant)).toBe(false);
    expect(await refusalOf(extend(grant, "1 day"))).toMatchObject({ code: "DATA_GRANT_NOT_FOUND" });
    expect(await ends()).toEqual([null, null]);
  });

  it("treat a null and an empty subject_relation as one key", async () => {
    await app.grant(grant);
    const empty = { p_expires_at: future, p_subject_relation: "" };
    expect(await call("set_expiration", grant, empty)).toBe(true);
    expect(await ends()).toEqual([future]);
  });

  it("revive a grant that is over", async () => {
    await app.grant(grant);
    for (const revive of [() => setEnd(grant, future), () => call("clear_expiration", grant)]) {
      await letEnd();
      expect(await app.check("user:alice", "read", "doc:1")).toBe(false);
      expect(await revive()).toBe(true);
      expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
    }
  });

  it("refuse an end that is this very moment", async () => {
    await app.grant(grant);
    const work = app.query(
      "select authz.set_expiration('doc', '1', 'read', 'user', 'alice', now())",
    );
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_EXPIRATION_FUTURE" });
  });

  it("find ids in any Unicode spelling", async () => {
    await app.grant({ ...grant, resource: "doc:caf\u00e9", subject: "user:cafe\u0301" });
    const other = { ...grant, resource: "doc:cafe\u0301", subject: "user:caf\u00e9" };
    expect(await setEnd(other, future)).toBe(true);
    expect(await extend(other, "1 hour")).toEqual(new Date("2999-01-01T01:00:00Z"));
  });

  it.each(structural)("work on $relation edges of the graph, under its lock", async (edge) => {
    await app.grant(edge);
    const version = async () => {
      const { rows } = await app.query<{ version: string }>(
        "select version from authz.graph_state",
      );
      return Number(rows[0]?.version);
    };
    for (const work of [
      () => setEnd(edge, future),
      () => extend(edge, "1 day"),
      () => call("clear_expiration", edge),
    ]) {
      const before = await version();
      await work();
      expect(await version()).toBeGreaterThan(before);
    }
    expect(await ends()).toEqual([null]);
  });

  it("keep a cycle impossible over an edge that ended and is revived", async () => {
    const [edge] = structural as [Grant];
    await app.grant(edge);
    await letEnd();
    const back = { ...edge, resource: "team:b", subject: "team:a" };
    expect(await refusalOf(app.grant(back))).toMatchObject({ code: "BIZ_CYCLE_GROUP" });
    expect(await setEnd(edge, future)).toBe(true);
  });
});

describe("extend_expiration", () => {
  it("moves the end and gives the new one, which is recorded", async () => {
    await app.grant({ ...grant, expiresAt: future });
    expect(await extend(grant, "P1DT2H")).toEqual(new Date("2999-01-02T02:00:00Z"));
    expect(await ends()).toEqual(["2999-01-02T02:00:00.000Z"]);
    expect(await events()).toEqual(["tuple_created", "tuple_updated"]);
  });

  it("extends a grant that is over from now", async () => {
    await app.grant(grant);
    await letEnd();
    await app.query("begin");
    const end = await extend(grant, "1 hour");
    const { rows } = await app.query<{ expected: Date }>(
      "select now() + interval '1 hour' as expected",
    );
    await app.query("commit");
    expect(end).toEqual(rows[0]?.expected);
    expect(await app.check("user:alice", "read", "doc:1")).toBe(true);
  });

  it.each([null, "infinity"])("refuses a grant that ends at %s", async (end) => {
    await app.grant(grant);
    await app.query("update authz.tuples set expires_at = $1", [end]);
    expect(await refusalOf(extend(grant, "1 day"))).toMatchObject({
      code: "BIZ_GRANT_NO_EXPIRATION",
      sqlstate: "22023",
    });
  });

  it("refuses what is longer than nothing only in other months", async () => {
    await app.grant({ ...grant, expiresAt: "2999-01-31T00:00:00Z" });
    expect(await refusalOf(extend(grant, "1 month -29 days"))).toMatchObject({
      code: "VAL_INTERVAL_NOT_POSITIVE",
    });
  });
});

describe("list_expiring", () => {
  const inDays = async (days: number) => {
    const { rows } = await app.query<{ at: Date }>(
      "select now() + make_interval(days => $1) as at",
      [days],
    );
    return rows[0]?.at as Date;
  };
  const idsWithin = async (within?: string) => {
    const rows = await app.rows<{ resource_id: string }>("list_expiring", { p_within: within });
    return rows.map(({ resource_id: id }) => id);
  };

  it("gives the live grants that end soon, the next one first", async () => {
    for (const days of [30, 6, 1, 8]) {
      await app.grant({ ...grant, resource: `doc:${days}`, expiresAt: await inDays(days) });
    }
    await app.grant({ ...grant, resource: "doc:never" });
    await app.grant({ ...grant, resource: "doc:over" });
    await app.query("update authz.tuples set expires_at = $1 where resource_id = 'over'", [past]);
    expect(await idsWithin()).toEqual(["1", "6"]);
    expect(await idsWithin("P10D")).toEqual(["1", "6", "8"]);
    expect(await idsWithin("10000 years")).toEqual(["1", "6", "8", "30"]);
    expect(await idsWithin("1 second")).toEqual([]);
  });

  it("includes a grant that ends at the last moment, and none that has just ended", async () => {
    await app.query("begin");
    await app.grant({ ...grant, expiresAt: await inDays(7) });
    await app.grant({ ...grant, resource: "doc:2" });
    await app.query("update authz.tuples set expires_at = now() where resource_id = '2'");
    expect(await idsWithin()).toEqual(["1"]);
    await app.query("rollback");
  });

  it("gives every part as it was sent", async () => {
    const expiresAt = await inDays(1);
    await app.grant({
      ...grant,
      resource: "doc:cafe\u0301",
      subject: "team:e\u0301#member",
      expiresAt,
    });
    expect(await app.rows("list_expiring")).toEqual([
      {
        resource_type: "doc",
        resource_id: "cafe\u0301",
        relation: "read",
        subject_type: "team",
        subject_id: "e\u0301",
        subject_relation: "member",
        expires_at: expiresAt,
      },
    ]);
  });

  it("gives nothing of another tenant, and says why", async () => {
    await app.grant({ ...grant, expiresAt: await inDays(1) });
    await using other = await openSession(db.app, `tenant ${tests} neighbour`);
    expect(await other.rows("list_expiring")).toEqual([]);
    expect(await other.rows("list_expiring", { p_namespace: `tenant ${tests}` })).toEqual([]);
    expect(other.takeWarnings()).toHaveLength(1);
  });

  it("works where it may not write, and in parallel mode", async () => {
    await app.grant({ ...grant, expiresAt: await inDays(1) });
    await app.query("begin read only");
    await app.query(
      `select set_config(name, 'on', true) from pg_settings
       where name in ('force_parallel_mode', 'debug_parallel_query')`,
    );
    expect(await idsWithin()).toEqual(["1"]);
    await app.query("rollback");
  });
});

describe("cleanup_expired", () => {
  it("deletes what is over, structure as well, and tells how many there were", async () => {
    await app.grant(grant);
    for (const edge of structural) await app.grant(edge);
    await letEnd();
    await app.grant({ ...grant, resource: "doc:2", expiresAt: future });
    await app.grant({ ...grant, resource: "doc:3" });
    expect(await app.rows("cleanup_expired")).toEqual([{ tuples_deleted: "3" }]);
    expect(await ends()).toEqual([future, null]);
    expect((await events()).slice(-3)).toEqual(Array(3).fill("tuple_deleted"));
    expect(await app.rows("cleanup_expired")).toEqual([{ tuples_deleted: "0" }]);
  });

  it("deletes what ends at this very moment", async () => {
    await app.grant(grant);
    await app.query("begin");
    await app.query("update authz.tuples set expires_at = now()");
    expect(await app.rows("cleanup_expired")).toEqual([{ tuples_deleted: "1" }]);
    await app.query("rollback");
  });

  it("deletes nothing of another tenant, and says why", async () => {
    await app.grant(grant);
    await letEnd();
    await using other = await openSession(db.app, `tenant ${tests} neighbour`);
    const { rows } = await other.query("select * from authz.cleanup_expired($1)", [
      `tenant ${tests}`,
    ]);
    expect(rows).toEqual([{ tuples_deleted: "0" }]);
    expect(other.takeWarnings()).toHaveLength(1);
    expect(await ends()).toEqual([past]);
  });
});
