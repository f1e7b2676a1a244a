import { authz } from "@postkit/authz";
import { migrate, status, verify } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openExplainedSession } from "./support/plans.ts";
import { openSession, refusalOf, type Session } from "./support/session.ts";

let db: TestDatabase;
let owner: Session;
let app: Session;

beforeEach(async () => {
  db = await createTestDatabase({ modules: [authz] });
  owner = await openSession(db.owner);
  app = await openSession(db.app, "acme");
});

afterEach(() => db.drop());

const grant = { resource: "doc:1", relation: "read", subject: "user:alice" };

async function partitions(): Promise<string[]> {
  const { rows } = await db.super.query<{ name: string }>(
    `select c.relname::text as name
     from pg_inherits i
     join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'authz.audit_events'::regclass
     order by pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', 1`,
  );
  return rows.map(({ name }) => name);
}

/** Names of the partitions of this month, by the server's clock, and of those around it. */
async function months(from: number, to: number): Promise<string[]> {
  const { rows } = await db.super.query<{ name: string }>(
    `select to_char(date_trunc('month', now() at time zone 'utc') + make_interval(months => i),
       '"audit_events_y"YYYY"m"MM') as name
     from generate_series($1::int, $2::int) i`,
    [from, to],
  );
  return rows.map(({ name }) => name);
}

/** Events of any time, as only a superuser can write them. */
async function record(namespace: string, ...times: string[]): Promise<void> {
  await db.super.query(
    `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation, subject_type,
       subject_id, current_user_name, event_time)
     select $1, 'tuple_created', 'doc', t, 'read', 'user', 'alice', 'test', t::timestamptz
     from unnest($2::text[]) t`,
    [namespace, times],
  );
}

/** Where the events are, by their time in UTC. */
async function places(): Promise<Record<string, string[]>> {
  const { rows } = await db.super.query<{ partition: string; times: string[] }>(
    `select c.relname::text as partition,
       array_agg(to_char(e.event_time at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US') order by e.event_time) as times
     from authz.audit_events e
     join pg_class c on c.oid = e.tableoid
     group by 1`,
  );
  return Object.fromEntries(rows.map(({ partition, times }) => [partition, times]));
}

const create = (session: Session, year: number, month: number) =>
  session.call<string | null>("create_audit_partition", { p_year: year, p_month: month });

async function names(session: Session, call: string, months?: number): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `select * from authz.${call}_audit_partitions(${months ?? ""}) as name`,
  );
  return rows.map(({ name }) => name);
}

describe("an installation", () => {
  it("has partitions for this month and the next three, and a default one", async () => {
    expect(await partitions()).toEqual([...(await months(0, 3)), "audit_events_default"]);
  });

  it("goes down and up again with partitions and events in them", async () => {
    await create(owner, 2001, 1);
    await record("acme", "2001-01-05", "2002-01-01");
    await app.grant(grant);
    await app[Symbol.asyncDispose]();
    expect(await verify(db.owner, { modules: [authz] })).toEqual([
      { module: "authz", findings: [] },
    ]);
    await migrate(db.owner, { modules: [authz], direction: "down", allowDataLoss: true });
    expect(await status(db.owner, { modules: [authz] })).toMatchObject([{ applied: [] }]);
    const { rows } = await db.super.query("select from pg_namespace where nspname = 'authz'");
    expect(rows).toEqual([]);
    await migrate(db.owner, { modules: [authz] });
    expect(await partitions()).toEqual([...(await months(0, 3)), "audit_events_default"]);
    await using again = await openSession(db.app, "acme");
    await again.grant(grant);
    expect(await again.rows("get_audit_events")).toHaveLength(1);
  });
});

describe("create_audit_partition", () => {
  it("makes the partition of a month once, and says whether it did", async () => {
    expect(await create(owner, 2031, 7)).toBe("audit_events_y2031m07");
    expect(await create(owner, 2031, 7)).toBeNull();
    expect(await create(owner, 1970, 1)).toBe("audit_events_y1970m01");
    expect(await create(owner, 9999, 12)).toBe("audit_events_y9999m12");
  });

  it.each(["UTC", "Asia/Kathmandu", "America/Los_Angeles"])(
    "goes by months in UTC, whatever a session in %s shows",
    async (zone) => {
      await owner.query(`set timezone = '${zone}'; set datestyle = 'SQL, DMY'`);
      await create(owner, 2031, 2);
      await create(owner, 9999, 12);
      const inside = ["2031-02-01 00:00:00+00", "2031-02-28 23:59:59.999999+00"];
      const outside = ["2031-01-31 23:59:59.999999+00", "2031-03-01 00:00:00+00"];
      await record("acme", ...inside, ...outside, "9999-12-31 23:59:59.999999+00");
      const found = await places();
      expect(found.audit_events_y2031m02).toEqual([
        "2031-02-01 00:00:00.000000",
        "2031-02-28 23:59:59.999999",
      ]);
      expect(found.audit_events_default).toHaveLength(2);
      expect(found.audit_events_y9999m12).toHaveLength(1);
    },
  );

  it("moves the events of all tenants that fell into the default partition, and no other", async () => {
    await record("acme", "2001-01-01 00:00+00", "2001-01-31 23:59+00", "2001-02-01 00:00+00");
    await record("globex", "2001-01-05 12:00+00", "2000-12-31 23:59+00");
    const { rows: before } = await db.super.query("select * from authz.audit_events order by id");
    expect(await create(owner, 2001, 1)).toBe("audit_events_y2001m01");
    const { rows: after } = await db.super.query("select * from authz.audit_events order by id");
    expect(after).toEqual(before);
    expect(await places()).toEqual({
      audit_events_default: ["2000-12-31 23:59:00.000000", "2001-02-01 00:00:00.000000"],
      audit_events_y2001m01: [
        "2001-01-01 00:00:00.000000",
        "2001-01-05 12:00:00.000000",
        "2001-01-31 23:59:00.000000",
      ],
    });
    const ids = (await app.rows<{ resource_id: string }>("get_audit_events")).map(
      (event) => event.resource_id,
    );
    expect(ids).toEqual(["2001-02-01 00:00+00", "2001-01-31 23:59+00", "2001-01-01 00:00+00"]);
  });

  it("moves grants of this month that were made while it had no partition", async () => {
    const [thisMonth] = await months(0, 0);
    await owner.query(`drop table authz.${thisMonth}`);
    await app.grant(grant);
    expect(Object.keys(await places())).toEqual(["audit_events_default"]);
    expect(await names(owner, "ensure")).toEqual([thisMonth]);
    await app.revoke(grant);
    const found = await places();
    expect(Object.keys(found)).toEqual([thisMonth]);
    expect(found[thisMonth as string]).toHaveLength(2);
  });

  it("leaves nothing behind when its transaction is rolled back", async () => {
    await record("acme", "2001-01-05 00:00+00");
    await owner.query("begin");
    await create(owner, 2001, 1);
    await owner.query("rollback");
    expect(await places()).toEqual({ audit_events_default: ["2001-01-05 00:00:00.000000"] });
    expect(await create(owner, 2001, 1)).toBe("audit_events_y2001m01");
  });

  it("makes a partition like the others: forced row level security, no policy, no right of anybody", async () => {
    await owner.query(
      `alter default privileges in schema authz grant all on tables to public;
       alter default privileges grant all on tables to ${db.appRole}`,
    );
    await create(owner, 2031, 7);
    const { rows } = await db.super.query(
      `select c.relrowsecurity, c.relforcerowsecurity, c.relowner = p.relowner as is_same_owner,
         (select count(*)::int from pg_policy y where y.polrelid = c.oid) as policies,
         (select count(*)::int from aclexplode(c.relacl) a where a.grantee <> c.relowner) as rights,
         (select count(*)::int from pg_index i where i.indrelid = c.oid)
           = (select count(*)::int from pg_index i where i.indrelid = p.oid) as has_indexes,
         (select count(*)::int from pg_constraint k where k.conrelid = c.oid and k.contype in ('c', 'p')) as constraints
       from pg_class c, pg_class p
       where c.oid in ('authz.audit_events_y2031m07'::regclass, 'authz.audit_events_default'::regclass)
         and p.oid = 'authz.audit_events'::regclass`,
    );
    const like = {
      relrowsecurity: true,
      relforcerowsecurity: true,
      is_same_owner: true,
      policies: 0,
      rights: 0,
      has_indexes: true,
      constraints: 2,
    };
    expect(rows).toEqual([like, like]);
    await record("acme", "2031-07-04");
    for (const session of [owner, app]) {
      await session.query("set postkit.tenant_id = 'acme'; set postkit.maintenance = 'on'");
      const seen = await session.query("select from authz.audit_events_y2031m07").then(
        ({ rowCount }) => rowCount,
        (error: unknown) => (error as { code: string }).code,
      );
      expect(seen).toBe(session === owner ? 0 : "42501");
    }
  });

  it("gives its caller no more than the partition: maintenance is as it was", async () => {
    const maintenance = async () => {
      const { rows } = await owner.query<{ on: string | null }>(
        "select nullif(current_setting('postkit.maintenance', true), '') as on",
      );
      return rows[0]?.on;
    };
    await owner.query("begin");
    await create(owner, 2031, 7);
    expect(await maintenance()).toBeNull();
    await owner.query("set local postkit.maintenance = 'on'");
    await create(owner, 2031, 8);
    expect(await maintenance()).toBe("on");
    await owner.query("rollback");
  });

  it("says so when a table of that name is in the way, or another partition is for that time", async () => {
    await owner.query("create table authz.audit_events_y2031m07 (id int)");
    expect(await refusalOf(create(owner, 2031, 7))).toMatchObject({ sqlstate: "42P07" });
    await owner.query(
      "create table authz.whole_year partition of authz.audit_events for values from ('2032-01-01') to ('2033-01-01')",
    );
    expect(await refusalOf(create(owner, 2032, 7))).toMatchObject({ sqlstate: "42P17" });
  });
});

describe("ensure_audit_partitions", () => {
  it("makes what is missing of the months asked for, this one among them", async () => {
    expect(await names(owner, "ensure")).toEqual([]);
    const [second] = await months(2, 2);
    await owner.query(`drop table authz.${second}`);
    expect(await names(owner, "ensure", 5)).toEqual([second, ...(await months(4, 5))]);
    expect(await names(owner, "ensure", 0)).toEqual([]);
  });

  it("takes no lock when nothing is missing", async () => {
    await owner.query("begin");
    await names(owner, "ensure");
    const { rows } = await db.super.query(
      `select l.mode from pg_locks l
       where l.relation = 'authz.audit_events'::regclass and l.mode <> 'AccessShareLock' and l.pid = pg_backend_pid()`,
    );
    expect(rows).toEqual([]);
    await owner.query("rollback");
  });

  it("makes ten years in one call", async () => {
    expect(await names(owner, "ensure", 120)).toHaveLength(117);
  });
});

describe("drop_audit_partitions", () => {
  it("drops what is wholly older than the months that are kept, oldest first", async () => {
    const past = await months(-6, -1);
    for (const name of past) {
      const [, year, month] = /y(\d+)m(\d+)/.exec(name) ?? [];
      await create(owner, Number(year), Number(month));
    }
    expect(await names(owner, "drop")).toEqual([]);
    expect(await names(owner, "drop", 4)).toEqual(past.slice(0, 2));
    expect(await names(owner, "drop", 4)).toEqual([]);
    expect(await names(owner, "drop", 0)).toEqual(past.slice(2));
    expect(await partitions()).toEqual([...(await months(0, 3)), "audit_events_default"]);
  });

  it("keeps seven years where nothing else is said", async () => {
    const [kept, old] = await Promise.all([months(-84, -84), months(-85, -85)]);
    for (const [name] of [kept, old]) {
      const [, year, month] = /y(\d+)m(\d+)/.exec(name ?? "") ?? [];
      await create(owner, Number(year), Number(month));
    }
    expect(await names(owner, "drop")).toEqual(old);
  });

  it("destroys the events of all tenants in them, and no other event", async () => {
    await record("acme", "2001-01-05", "2001-02-05");
    await record("globex", "2001-01-06");
    await create(owner, 2001, 1);
    expect(await names(owner, "drop", 12)).toEqual(["audit_events_y2001m01"]);
    expect(await places()).toEqual({ audit_events_default: ["2001-02-05 00:00:00.000000"] });
    const { rows } = await db.super.query("select to_regclass('authz.audit_events_y2001m01') as t");
    expect(rows).toEqual([{ t: null }]);
  });

  it("leaves partitions alone that are not named after their month, and warns", async () => {
    const odd = [
      ["audit_2001", "'2001-01-01 00:00+00'", "'2002-01-01 00:00+00'"],
      ["audit_events_y2002m01", "'2002-01-01 00:00+00'", "'2002-01-15 00:00+00'"],
      ["audit_events_y2003m01", "'2003-02-01 00:00+00'", "'2003-03-01 00:00+00'"],
      ['"audit events; drop"', "minvalue", "'1999-01-01 00:00+00'"],
    ];
    for (const [name, from, to] of odd) {
      await owner.query(
        `create table authz.${name} partition of authz.audit_events for values from (${from}) to (${to})`,
      );
    }
    await create(owner, 2004, 1);
    const before = await partitions();
    expect(await names(owner, "drop", 0)).toEqual(["audit_events_y2004m01"]);
    expect(owner.takeWarnings()).toEqual(
      ["audit events; drop", "audit_2001", "audit_events_y2002m01", "audit_events_y2003m01"].map(
        (name) => `partition ${name} is not named after its month and is left alone`,
      ),
    );
    expect(await partitions()).toEqual(before.filter((name) => name !== "audit_events_y2004m01"));
  });

  it("ends the month that has no partition any more in the default one, without a failure", async () => {
    await create(owner, 2001, 1);
    await names(owner, "drop", 0);
    await record("acme", "2001-01-05");
    await app.grant(grant);
    expect(await app.rows("get_audit_events")).toHaveLength(2);
  });
});

describe("a role", () => {
  it("may maintain the audit of all tenants when it was given that, and read none of them", async () => {
    const role = `janitor_${db.name}`;
    await db.super.query(`create role ${role}`);
    try {
      await record("acme", "2001-01-05");
      await using janitor = await openSession(db.super);
      await db.owner.query("select postkit.grant_role($1)", [role]);
      await janitor.query(`set role ${role}`);
      expect(await refusalOf(create(janitor, 2001, 1))).toMatchObject({ sqlstate: "42501" });
      await db.owner.query("select postkit.grant_role($1, 'maintenance')", [role]);
      expect(await create(janitor, 2001, 1)).toBe("audit_events_y2001m01");
      expect(await names(janitor, "ensure", 4)).toEqual(await months(4, 4));
      await janitor.query("set postkit.maintenance = 'on'");
      expect((await janitor.query("select from authz.audit_events")).rowCount).toBe(0);
      expect(await refusalOf(janitor.query("delete from authz.audit_events"))).toMatchObject({
        sqlstate: "42501",
      });
      expect(await names(janitor, "drop", 0)).toEqual(["audit_events_y2001m01"]);
      await db.owner.query("select postkit.reapply_grants()");
      expect(await names(janitor, "ensure", 5)).toEqual(await months(5, 5));
    } finally {
      await db.super.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it("finds no other table than that of the audit through temporary ones of its name", async () => {
    await app.query(
      `create temp table pg_inherits as select * from pg_catalog.pg_inherits limit 0;
       create temp table audit_events (event_time timestamptz);
       create temp table audit_events_default (event_time timestamptz)`,
    );
    await record("acme", "2001-01-05");
    expect(await app.call("_audit_default_has_rows")).toBe(true);
  });
});

describe("a page of an audit in 24 partitions and more", () => {
  it("is read from the index of each, no more than the page, under each filter", async () => {
    const start = new Date(Date.UTC(2020, 0));
    for (let month = 0; month < 24; month += 1) {
      await create(owner, 2020 + Math.floor(month / 12), (month % 12) + 1);
    }
    await db.super.query(
      `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation, subject_type,
         subject_id, current_user_name, actor_id, tuple_id, event_time)
       select 'acme', case i % 3000 when 0 then 'tuple_deleted' else 'tuple_created' end,
         case i % 4000 when 0 then 'rare' else 'doc' end, (i % 50)::text, 'read',
         case i % 5000 when 0 then 'rare' else 'user' end, (i % 70)::text, 'test',
         'user:' || i % 40, i, $1::timestamptz + i * interval '17 minutes'
       from generate_series(1, 60000) i`,
      [start],
    );
    await db.super.query("analyze authz.audit_events");
    await using explained = await openExplainedSession(db, "acme");
    const cursor = Buffer.from('["2021-06-15T00:00:00.000000Z", 1]').toString("base64url");
    const filters = [
      {},
      { p_cursor: cursor },
      { p_actor_id: "user:7" },
      { p_resource_type: "doc", p_resource_id: "7" },
      { p_subject_type: "user", p_subject_id: "7", p_cursor: cursor },
      { p_resource_type: "doc" },
      { p_subject_type: "user" },
      { p_event_type: "tuple_created" },
      { p_resource_type: "rare" },
      { p_subject_type: "rare" },
      { p_event_type: "tuple_deleted" },
    ];
    for (const filter of filters) {
      explained.takeScans();
      expect(await explained.rows("get_audit_events", { p_limit: 5, ...filter })).toHaveLength(5);
      // A partition without any row is as well read as a whole.
      const scans = explained
        .takeScans()
        .filter((scan) => scan["Relation Name"]?.startsWith("audit_events"))
        .map((scan) => ({
          node: scan["Node Type"],
          rows: (scan["Actual Rows"] ?? 0) + (scan["Rows Removed by Filter"] ?? 0),
        }))
        .filter(({ rows }) => rows > 0);
      expect([filter, scans.filter(({ node }) => node === "Seq Scan")]).toEqual([filter, []]);
      const read = scans.reduce((sum, { rows }) => sum + rows, 0);
      expect([filter, read]).toEqual([filter, expect.toSatisfy((rows: number) => rows <= 60)]);
    }
  });
});
