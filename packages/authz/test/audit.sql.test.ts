import { authz } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openExplainedSession } from "./support/plans.ts";
import { openSession, refusalOf, type NamedArguments, type Session } from "./support/session.ts";

interface EventRow {
  id: string;
  event_id: string;
  event_type: string;
  event_time: Date;
  actor_id: string | null;
  tuple_id: string | null;
  resource_id: string;
  subject_id: string;
  cursor: string;
}

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

const grant = { resource: "doc:1", relation: "read", subject: "user:alice" };
const rule = { p_resource_type: "doc", p_permission: "write", p_implies: "read" };

const page = (args: NamedArguments = {}) => app.rows<EventRow>("get_audit_events", args);

const types = async (args: NamedArguments = {}) =>
  (await page(args)).map((event) => event.event_type);

describe("every change", () => {
  it("is one event with all that is known of it", async () => {
    await app.query("begin");
    await app.query("set local application_name = 'billing'");
    await app.query("select authz.set_actor('user:admin', 'request 7', 'ticket 42', 'user:boss')");
    const id = await app.grant({
      ...grant,
      subject: "team:eng#member",
      expiresAt: "2999-01-01T00:00:00Z",
    });
    const { rows } = await app.query<{ now: Date }>("select now()");
    await app.query("commit");
    expect(await page()).toEqual([
      {
        id: expect.stringMatching(/^\d+$/),
        event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        event_type: "tuple_created",
        event_time: rows[0]?.now,
        actor_id: "user:admin",
        request_id: "request 7",
        reason: "ticket 42",
        on_behalf_of: "user:boss",
        session_user_name: db.appRole,
        current_user_name: db.appRole,
        client_addr: expect.anything(),
        application_name: "billing",
        resource_type: "doc",
        resource_id: "1",
        relation: "read",
        subject_type: "team",
        subject_id: "eng",
        subject_relation: "member",
        tuple_id: id,
        expires_at: new Date("2999-01-01T00:00:00Z"),
        cursor: expect.stringMatching(/^[A-Za-z0-9_-]+$/),
      },
    ]);
  });

  it("of an unnamed actor has nulls where nothing is known, not empty texts", async () => {
    await app.query("begin");
    await app.query("select authz.set_actor('user:admin', 'request 7', 'ticket 42', 'user:boss')");
    await app.call("clear_actor");
    await app.grant(grant);
    await app.query("commit");
    expect(await page()).toMatchObject([
      { actor_id: null, request_id: null, reason: null, on_behalf_of: null },
    ]);
  });

  it("names the connection that it came over", async () => {
    await app.grant(grant);
    const { rows } = await app.query(
      "select backend_pid = pg_backend_pid() as pid, client_port = inet_client_port() as port from authz.audit_events",
    );
    expect(rows).toEqual([{ pid: true, port: true }]);
  });

  it("names the role that made it, not the owner of the trigger", async () => {
    await using root = await openSession(db.super, `tenant ${tests}`);
    await root.query(`set role ${db.appRole}`);
    await root.grant(grant);
    await root.query("reset role");
    await root.revoke(grant);
    const { rows } = await root.query<{ name: string }>("select session_user::text as name");
    const superuser = rows[0]?.name;
    expect(await page()).toMatchObject([
      { event_type: "tuple_deleted", session_user_name: superuser, current_user_name: superuser },
      { event_type: "tuple_created", session_user_name: superuser, current_user_name: db.appRole },
    ]);
  });

  it("of a grant, its renewal and its end is recorded once each", async () => {
    const id = await app.grant({ ...grant, expiresAt: "2998-01-01T00:00:00Z" });
    await app.grant({ ...grant, expiresAt: "2999-01-01T00:00:00Z" });
    await app.query("update authz.tuples set expires_at = '2001-01-01'");
    await app.grant({ ...grant, expiresAt: "2999-01-01T00:00:00Z" });
    await app.revoke(grant);
    await app.revoke(grant);
    const events = await page();
    expect(events.map((event) => event.event_type)).toEqual([
      "tuple_deleted",
      "tuple_updated",
      "tuple_updated",
      "tuple_created",
    ]);
    expect(events).toMatchObject([
      { tuple_id: id },
      { tuple_id: id, expires_at: new Date("2999-01-01T00:00:00Z") },
      { tuple_id: id, expires_at: new Date("2001-01-01T00:00:00Z") },
      { tuple_id: id, expires_at: new Date("2998-01-01T00:00:00Z") },
    ]);
  });

  it("of a rule is recorded in the columns of a tuple", async () => {
    await app.call("add_hierarchy", rule);
    await app.call("add_hierarchy", rule);
    await app.call("remove_hierarchy", rule);
    await app.call("remove_hierarchy", rule);
    const recorded = {
      resource_type: "doc",
      resource_id: "write",
      relation: "read",
      subject_type: "hierarchy",
      subject_id: "",
      subject_relation: null,
      tuple_id: null,
      expires_at: null,
    };
    expect(await page()).toMatchObject([
      { ...recorded, event_type: "hierarchy_deleted" },
      { ...recorded, event_type: "hierarchy_created" },
    ]);
  });

  it("of a rule in place, which only its owner can make, is one rule gone and another come", async () => {
    await app.call("add_hierarchy", rule);
    await using owner = await openSession(db.owner, `tenant ${tests}`);
    await owner.query(
      "update authz.permission_hierarchy set implies = 'list' where namespace <> 'global'",
    );
    expect(await page()).toMatchObject([
      { event_type: "hierarchy_created", relation: "list" },
      { event_type: "hierarchy_deleted", relation: "read" },
      { event_type: "hierarchy_created", relation: "read" },
    ]);
  });

  it("of many rows at once is recorded row by row", async () => {
    await app.query(
      "select authz.write('doc', i::text, 'read', 'user', 'alice') from generate_series(1, 30) i",
    );
    await app.query(
      "select authz.add_hierarchy('doc', 'p' || i, 'read') from generate_series(1, 3) i",
    );
    await app.call("clear_hierarchy", { p_resource_type: "doc" });
    await app.query("delete from authz.tuples");
    const { rows } = await app.query<{ event_type: string; count: number }>(
      "select event_type, count(*)::int from authz.audit_events group by 1 order by 1",
    );
    expect(rows).toEqual([
      { event_type: "hierarchy_created", count: 3 },
      { event_type: "hierarchy_deleted", count: 3 },
      { event_type: "tuple_created", count: 30 },
      { event_type: "tuple_deleted", count: 30 },
    ]);
  });

  it("goes with its transaction: what is rolled back was never recorded", async () => {
    await app.query("begin");
    await app.grant(grant);
    await app.query("savepoint s");
    await app.grant({ ...grant, subject: "user:bob" });
    await app.query("rollback to s");
    await app.query("commit");
    expect(await page()).toMatchObject([{ subject_id: "alice" }]);
    await app.query("begin");
    await app.revoke(grant);
    await app.query("rollback");
    expect(await types()).toEqual(["tuple_created"]);
  });

  it("is recorded in the partition of its month, and for any other time in the default one", async () => {
    await app.grant(grant);
    await db.super.query(
      `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation, subject_type,
         subject_id, current_user_name, event_time)
       select $1, 'tuple_created', 'doc', '1', 'read', 'user', 'alice', 'test', t
       from unnest(array['-infinity', '1970-01-01', '9999-12-31', 'infinity']::timestamptz[]) t`,
      [`tenant ${tests}`],
    );
    expect(await page()).toHaveLength(5);
    const { rows } = await db.super.query<{ partition: string; events: number }>(
      `select replace(tableoid::regclass::text, to_char(now() at time zone 'utc', '"y"YYYY"m"MM'), 'of this month') as partition,
         count(*)::int as events
       from authz.audit_events where namespace = $1 group by 1 order by 1`,
      [`tenant ${tests}`],
    );
    expect(rows).toEqual([
      { partition: "authz.audit_events_default", events: 4 },
      { partition: "authz.audit_events_of this month", events: 1 },
    ]);
  });
});

describe("the application role", () => {
  it("can write, change or remove no event, whatever it sets", async () => {
    await app.grant(grant);
    await app.query("set postkit.maintenance = 'on'");
    const { rows: current } = await app.query<{ name: string }>(
      `select to_char(now() at time zone 'utc', '"authz.audit_events_y"YYYY"m"MM') as name`,
    );
    const thisMonth = current[0]?.name;
    for (const statement of [
      `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation, subject_type,
         subject_id, current_user_name)
       values (current_setting('postkit.tenant_id'), 'tuple_created', 'doc', '1', 'read', 'user', 'bob', 'me')`,
      "update authz.audit_events set actor_id = 'user:somebody'",
      "delete from authz.audit_events",
      "truncate authz.audit_events",
      "truncate authz.audit_events_default",
      "delete from authz.audit_events_default",
      `insert into ${thisMonth} overriding system value select * from authz.audit_events`,
      `select from ${thisMonth}`,
      `update ${thisMonth} set actor_id = 'user:somebody'`,
      `delete from ${thisMonth}`,
      `truncate ${thisMonth}`,
      `drop table ${thisMonth}`,
      `alter table authz.audit_events detach partition ${thisMonth}`,
      `create table mine partition of authz.audit_events for values from ('2001-01-01') to ('2002-01-01')`,
      "select authz.create_audit_partition(2001, 1)",
      "select authz.ensure_audit_partitions()",
      "select authz.drop_audit_partitions(0)",
      "select authz._attach_audit_partition('mine', '2001-01-01', '2002-01-01')",
      "insert into authz.audit_events_default overriding system value select * from authz.audit_events",
      "alter table authz.audit_events detach partition authz.audit_events_default",
      "drop table authz.audit_events_default",
    ]) {
      expect([statement, (await refusalOf(app.query(statement))).sqlstate]).toEqual([
        statement,
        "42501",
      ]);
    }
    expect(await types()).toEqual(["tuple_created"]);
  });

  it("can keep no change from being recorded", async () => {
    for (const statement of [
      "alter table authz.tuples disable trigger all",
      "alter table authz.tuples disable trigger tuples_audit",
      "alter table authz.permission_hierarchy disable trigger user",
      "drop trigger tuples_audit on authz.tuples",
      "create trigger mine before insert on authz.tuples for each row execute function authz._audit_tuple()",
      "create rule mine as on insert to authz.audit_events do instead nothing",
      "set session_replication_role = 'replica'",
      "update authz.permission_hierarchy set implies = 'admin'",
      "update authz.tuples set subject_id = 'mallory'",
      "truncate authz.tuples",
    ]) {
      expect([statement, (await refusalOf(app.query(statement))).sqlstate]).toEqual([
        statement,
        "42501",
      ]);
    }
  });

  it("cannot have the owner record what it likes, by a table of its own or by a call", async () => {
    await app.query("create temp table tuples (like authz.tuples)");
    await app.query("create temp table permission_hierarchy (like authz.permission_hierarchy)");
    for (const statement of [
      "create trigger mine after insert on pg_temp.tuples for each row execute function authz._audit_tuple()",
      `create trigger mine after insert on pg_temp.permission_hierarchy
       for each row execute function authz._audit_hierarchy()`,
      "select authz._audit_tuple()",
      "select authz._record_audit_event('tuple_created', 'acme', 'doc', '1', 'read', 'user', 'b', null, null, null, 1, null)",
    ]) {
      expect([statement, (await refusalOf(app.query(statement))).sqlstate]).toEqual([
        statement,
        "42501",
      ]);
    }
  });

  it("is recorded whatever raw statement it uses", async () => {
    await app.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       values (current_setting('postkit.tenant_id'), 'doc', '1', 'read', 'user', 'alice')`,
    );
    await app.query("update authz.tuples set expires_at = '2999-01-01'");
    await app.query("delete from authz.tuples");
    await app.query(
      `insert into authz.permission_hierarchy (namespace, resource_type, permission, implies)
       values (current_setting('postkit.tenant_id'), 'doc', 'a', 'b')`,
    );
    await app.query("delete from authz.permission_hierarchy where namespace <> 'global'");
    expect(await types()).toEqual([
      "hierarchy_deleted",
      "hierarchy_created",
      "tuple_deleted",
      "tuple_updated",
      "tuple_created",
    ]);
  });
});

describe("get_audit_events", () => {
  it("gives the newest first, page by page, each event once though all have one time", async () => {
    await app.query(
      "select authz.write('doc', i::text, 'read', 'user', 'alice') from generate_series(1, 25) i",
    );
    const seen: EventRow[] = [];
    for (let cursor: string | null = null; ;) {
      const events: EventRow[] = await page({ p_limit: 4, p_cursor: cursor });
      if (events.length === 0) break;
      seen.push(...events);
      cursor = events.at(-1)?.cursor ?? null;
    }
    expect(seen.map((event) => event.resource_id)).toEqual(
      Array.from({ length: 25 }, (_, index) => String(25 - index)),
    );
    expect(new Set(seen.map((event) => event.event_time.getTime())).size).toBe(1);
  });

  it("keeps events apart that are one microsecond from each other", async () => {
    await db.super.query(
      `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation, subject_type,
         subject_id, current_user_name, event_time)
       select $1, 'tuple_created', 'doc', i::text, 'read', 'user', 'alice', 'test',
         timestamptz '2024-02-29 23:59:59.999990+00' + i * interval '1 microsecond'
       from generate_series(1, 20) i
       order by random()`,
      [`tenant ${tests}`],
    );
    await app.query("set timezone = 'Asia/Kathmandu'");
    await app.query("set datestyle = 'German, DMY'");
    const seen: string[] = [];
    for (let cursor: string | null = null; ;) {
      const events: EventRow[] = await page({ p_limit: 3, p_cursor: cursor });
      if (events.length === 0) break;
      seen.push(...events.map((event) => event.resource_id));
      cursor = events.at(-1)?.cursor ?? null;
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => String(20 - index)));
  });

  it("lets a page be followed by the next although newer events have come", async () => {
    await app.query(
      "select authz.write('doc', i::text, 'read', 'user', 'alice') from generate_series(1, 4) i",
    );
    const first = await page({ p_limit: 2 });
    await app.grant({ ...grant, resource: "doc:newer" });
    const second = await page({ p_limit: 2, p_cursor: first.at(-1)?.cursor });
    expect([...first, ...second].map((event) => event.resource_id)).toEqual(["4", "3", "2", "1"]);
  });

  it("gives the newest page for no cursor, and no event for the last one's", async () => {
    await app.grant(grant);
    const [event] = await page({ p_cursor: null });
    expect(await page({ p_cursor: event?.cursor })).toEqual([]);
  });

  it("gives 100 events where no limit is named, and up to 1000", async () => {
    await app.query(
      "select authz.write('doc', i::text, 'read', 'user', 'alice') from generate_series(1, 1001) i",
    );
    expect((await page()).length).toBe(100);
    expect((await page({ p_limit: 1 })).length).toBe(1);
    expect((await page({ p_limit: 1000 })).length).toBe(1000);
  });

  it("takes its arguments by position", async () => {
    await app.grant(grant);
    const { rows } = await app.query(
      "select e.event_type from authz.get_audit_events(10, null, 'tuple_created', null, 'doc', '1', 'user', 'alice', $1) e",
      [`tenant ${tests}`],
    );
    expect(rows).toEqual([{ event_type: "tuple_created" }]);
  });

  describe("with a filter", () => {
    beforeEach(async () => {
      for (const actor of ["user:admin", "user:bot"]) {
        await app.query("begin");
        await app.call("set_actor", { p_actor_id: actor });
        await app.grant({
          resource: `doc:${actor.slice(5)}`,
          relation: "read",
          subject: "user:alice",
        });
        await app.grant({
          resource: `file:${actor.slice(5)}`,
          relation: "read",
          subject: "team:eng",
        });
        await app.query("commit");
      }
      await app.revoke({ resource: "doc:bot", relation: "read", subject: "user:alice" });
      await app.call("add_hierarchy", rule);
    });

    it.each<[string, NamedArguments, string[]]>([
      ["event type", { p_event_type: "tuple_deleted" }, ["bot"]],
      ["event type unknown", { p_event_type: "tuple_renamed" }, []],
      ["actor", { p_actor_id: "user:admin" }, ["admin", "admin"]],
      ["resource type", { p_resource_type: "file" }, ["bot", "admin"]],
      ["resource", { p_resource_type: "doc", p_resource_id: "bot" }, ["bot", "bot"]],
      ["resource id of any type", { p_resource_id: "bot" }, ["bot", "bot", "bot"]],
      ["subject type", { p_subject_type: "team" }, ["bot", "admin"]],
      ["subject", { p_subject_type: "user", p_subject_id: "alice" }, ["bot", "bot", "admin"]],
      ["rule", { p_subject_type: "hierarchy", p_subject_id: "" }, ["write"]],
      [
        "all at once",
        { p_event_type: "tuple_created", p_actor_id: "user:bot", p_resource_type: "doc" },
        ["bot"],
      ],
      ["none", {}, ["write", "bot", "bot", "bot", "admin", "admin"]],
      [
        "nulls",
        { p_event_type: null, p_actor_id: null, p_resource_id: null },
        ["write", "bot", "bot", "bot", "admin", "admin"],
      ],
    ])("for %s gives those events, page by page too", async (_, filter, expected) => {
      const ids = (events: EventRow[]) => events.map((event) => event.resource_id);
      expect(ids(await page(filter))).toEqual(expected);
      const [first] = await page({ ...filter, p_limit: 1 });
      const rest = first === undefined ? [] : await page({ ...filter, p_cursor: first.cursor });
      expect(ids(rest)).toEqual(expected.slice(1));
    });
  });

  it("takes the text of a filter as a text", async () => {
    await app.grant(grant);
    const evil = "' or true; --";
    for (const name of [
      "p_event_type",
      "p_actor_id",
      "p_resource_type",
      "p_resource_id",
      "p_subject_type",
      "p_subject_id",
    ]) {
      expect(await page({ [name]: evil })).toEqual([]);
    }
  });

  it("knows a cursor of its own from any other text", async () => {
    await app.grant(grant);
    const encoded = (text: string) => Buffer.from(text).toString("base64url");
    const garbage = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.base64String(),
      fc.json().map(encoded),
      fc.string().map(encoded),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
      fc.tuple(fc.string(), fc.string()).map((pair) => encoded(JSON.stringify(pair))),
      fc.tuple(fc.double(), fc.double()).map((pair) => encoded(JSON.stringify(pair))),
    );
    await fc.assert(
      fc.asyncProperty(
        garbage.filter((text) => !text.includes("\0")),
        async (cursor) => {
          expect(await refusalOf(page({ p_cursor: cursor }))).toMatchObject({
            code: "VAL_CURSOR_INVALID",
            sqlstate: "22023",
            detail: undefined,
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("refuses a cursor that is nested deeper than the server can read", async () => {
    const cursor = Buffer.from("[".repeat(200_000)).toString("base64url");
    expect(await refusalOf(page({ p_cursor: cursor }))).toMatchObject({
      code: "VAL_CURSOR_INVALID",
    });
  });

  it("goes on in the caller's transaction after it refused a cursor behind a savepoint", async () => {
    await app.query("begin");
    await app.grant(grant);
    await app.query("savepoint s");
    await refusalOf(page({ p_cursor: "x" }));
    await app.query("rollback to s");
    expect(await types()).toEqual(["tuple_created"]);
    await app.query("commit");
  });

  it("works in a read-only transaction", async () => {
    await app.grant(grant);
    const [event] = await page();
    await app.query("begin read only");
    expect(await page({ p_cursor: event?.cursor })).toEqual([]);
    await app.query("commit");
  });

  it("gives another tenant no page, whatever cursor he has", async () => {
    await app.grant(grant);
    await app.grant({ ...grant, subject: "user:bob" });
    const [event] = await page();
    await app.useTenant(`tenant ${tests} neighbour`);
    expect(await page({ p_cursor: event?.cursor })).toEqual([]);
  });
});

describe("a page of a long audit", () => {
  const indexOf = new Map<string, string>();

  beforeAll(async () => {
    await db.super.query(
      `insert into authz.audit_events (namespace, event_type, resource_type, resource_id, relation, subject_type,
         subject_id, current_user_name, actor_id, tuple_id, event_time)
       select 'long ' || i % 3, 'tuple_created', 'doc', (i % 50)::text, 'read', 'user', (i % 70)::text, 'test',
         'user:' || i % 40, i, timestamptz '2024-01-01' + i * interval '1 second'
       from generate_series(1, 30000) i`,
    );
    await db.super.query("analyze authz.audit_events");
    const { rows } = await db.super.query<{ child: string; parent: string }>(
      `select c.relname::text as child, p.relname::text as parent
       from pg_inherits i
       join pg_class c on c.oid = i.inhrelid and c.relkind = 'i'
       join pg_class p on p.oid = i.inhparent`,
    );
    for (const { child, parent } of rows) indexOf.set(child, parent);
  });

  const cursor = Buffer.from('["2024-01-01T03:00:00.000000Z", 10800]').toString("base64url");

  it.each<[string, NamedArguments, string]>([
    ["the first", {}, "audit_events_event_time_idx"],
    ["the next", { p_cursor: cursor }, "audit_events_event_time_idx"],
    [
      "of an event type, the next",
      { p_cursor: cursor, p_event_type: "tuple_created" },
      "audit_events_event_time_idx",
    ],
    ["of an actor, the first", { p_actor_id: "user:7" }, "audit_events_actor_id_idx"],
    [
      "of an actor, the next",
      { p_cursor: cursor, p_actor_id: "user:7" },
      "audit_events_actor_id_idx",
    ],
    [
      "of a resource, the first",
      { p_resource_type: "doc", p_resource_id: "7" },
      "audit_events_resource_idx",
    ],
    [
      "of a subject, the first",
      { p_subject_type: "user", p_subject_id: "7" },
      "audit_events_subject_idx",
    ],
    [
      "of a subject, the next",
      { p_cursor: cursor, p_subject_type: "user", p_subject_id: "7" },
      "audit_events_subject_idx",
    ],
    [
      "of a resource, the next",
      { p_cursor: cursor, p_resource_type: "doc", p_resource_id: "7" },
      "audit_events_resource_idx",
    ],
  ])("is read from an index, no more than it shows: %s", async (_, filter, index) => {
    await using explained = await openExplainedSession(db, "long 1");
    const events = await explained.rows("get_audit_events", { p_limit: 5, ...filter });
    expect(events).toHaveLength(5);
    const scans = explained
      .takeScans()
      .filter((scan) => scan["Relation Name"] === "audit_events_default");
    expect(scans).toEqual([
      expect.objectContaining({ "Node Type": expect.stringMatching(/^Index (Only )?Scan$/) }),
    ]);
    expect(scans.map((scan) => indexOf.get(scan["Index Name"] ?? ""))).toEqual([index]);
    expect(scans[0]?.["Actual Rows"]).toBe(5);
    expect(scans[0]?.["Rows Removed by Filter"] ?? 0).toBe(0);
  });
});
