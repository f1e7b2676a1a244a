import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  countRows,
  held,
  openSession,
  refusalOf,
  type Job,
  type NamedArguments,
  type Session,
  present,
} from "./support/session.ts";

const unset = "no tenant is set: nothing is visible";
const mismatch = "namespace is not the tenant of this transaction: nothing of it is visible";

const tables = [
  "ready",
  "deferred",
  "leases",
  "unique_keys",
  "archive",
  "dead_letters",
  "schedules",
  "workers",
  "jobs",
];

let db: TestDatabase;
let before: Record<string, number>;
/** Jobs and a dead letter of the tenant that nobody may see. */
let secrets: Record<"ready" | "deferred" | "expired" | "dead" | "letter", string> & {
  running: Job;
};

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await using app = await openSession(db.app, "globex");
  await app.push("q", { p_priority: 2 });
  const dead = await app.pull("q");
  await app.call("fail", held(dead));
  await app.push("q", { p_priority: 2 });
  const expired = await app.pull("q");
  await app.expire(expired.id);
  await app.push("q", { p_priority: 2 });
  const running = await app.pull("q");
  const [letter] = await app.rows<{ id: string }>("list_dead_letters", { p_namespace: "globex" });
  secrets = {
    dead: dead.id,
    expired: expired.id,
    running,
    letter: present(letter).id,
    ready: await app.push("q", { p_unique_key: "k", p_payload: '{"secret": true}' }),
    deferred: await app.push("q", { p_delay: "-1 hour" }),
  };
  await app.query(
    `insert into queue.schedules (namespace, name, queue, payload, cron_expression, next_run_at)
     values ('globex', 's', 'q', '{}', '* * * * *', now() - interval '1 hour')`,
  );
  await app.call("set_config", {
    p_namespace: "globex",
    p_queue: "q",
    p_settings: '{"default_max_attempts": 9}',
  });
  await app.call("report_worker", {
    p_namespace: "globex",
    p_queues: ["q"],
    p_worker_id: "w",
    p_is_waiting: false,
  });
  before = await countRows(db.super);
});

afterAll(() => db.drop());

/** Stands for the two codes with which a write outside the tenant is refused. */
const tenantNotSet = "BIZ_TENANT";

/** The rows, or the code with which they were refused. */
async function answerOf(work: Promise<unknown[]>): Promise<unknown> {
  return work.catch((error: { hint?: string }) => error.hint?.replace("postkit:queue:", ""));
}

/** Every function that takes a namespace, with arguments that would find or change something of globex. */
const calls = (): readonly (readonly [name: string, args: NamedArguments, answer: unknown])[] => {
  const { running } = secrets;
  const many = { p_job_ids: [running.id], p_fences: [running.fence_token] };
  const zero = { pending: "0", running: "0", completed: "0", dead: "0" };
  return [
    ["push", { p_queue: "q", p_payload: "{}" }, tenantNotSet],
    ["push", { p_queue: "q", p_payload: "{}", p_delay: "1 hour", p_unique_key: "k" }, tenantNotSet],
    ["push_batch", { p_queue: "q", p_payloads: ["{}"] }, tenantNotSet],
    ["push_many", { p_jobs: '[{"queue": "q", "payload": 1}]' }, tenantNotSet],
    ["pull", { p_queue: "q" }, []],
    ["pull_batch", { p_queue: "q", p_limit: 1000 }, []],
    ["pull_any", { p_queues: ["q"] }, []],
    ["settle_and_pull", { p_queues: ["q"], p_limit: 10 }, [{ r: { jobs: [], stale: [] } }]],
    [
      "settle_and_pull",
      { p_queues: ["q"], p_limit: 0, ...many },
      [{ r: { jobs: [], stale: [running.id] } }],
    ],
    [
      "extend_visibility",
      { p_job_id: running.id, p_fence: running.fence_token, p_extension: "1 minute" },
      "FENCE_STALE",
    ],
    ["ack", { p_job_id: running.id, p_fence: running.fence_token }, "FENCE_STALE"],
    ["ack_batch", many, "FENCE_STALE"],
    ["nack", { p_job_id: running.id, p_fence: running.fence_token }, "FENCE_STALE"],
    ["fail", { p_job_id: running.id, p_fence: running.fence_token }, "FENCE_STALE"],
    ["release", { p_job_id: running.id, p_fence: running.fence_token }, "FENCE_STALE"],
    [
      "heartbeat_batch",
      { ...many, p_timeout: "1 minute" },
      [{ job_id: running.id, status: "stale" }],
    ],
    ["settle_batch", { ...many, p_outcomes: ["ack"] }, [{ job_id: running.id, status: "stale" }]],
    ["settle_batch", { ...many, p_outcomes: ["fail"] }, [{ job_id: running.id, status: "stale" }]],
    ...[secrets.ready, secrets.deferred, running.id].flatMap((id) => [
      ["cancel", { p_job_id: id }, [{ r: false }]] as const,
      ["request_cancel", { p_job_id: id }, [{ r: false }]] as const,
    ]),
    ["purge_queue", { p_queue: "q" }, [{ r: 0 }]],
    ...[secrets.ready, secrets.deferred, secrets.dead, secrets.expired, running.id].map(
      (id) => ["get_job", { p_job_id: id }, []] as const,
    ),
    ["list_jobs", {}, []],
    ["list_jobs", { p_queue: "q", p_status: "pending" }, []],
    ["get_stats", {}, [{ ...zero, total_jobs: "0", total_queues: "0" }]],
    ["get_queue_stats", {}, []],
    [
      "create_schedule",
      { p_name: "s", p_queue: "q", p_payload: "{}", p_every_interval: "1 day" },
      tenantNotSet,
    ],
    [
      "upsert_schedule",
      { p_name: "s", p_queue: "q", p_payload: "{}", p_every_interval: "1 day" },
      tenantNotSet,
    ],
    ["update_schedule", { p_name: "s", p_changes: '{"priority": 5}' }, [{ r: false }]],
    ["get_schedule", { p_name: "s" }, []],
    ["list_schedules", {}, []],
    ["pause_schedule", { p_name: "s" }, [{ r: false }]],
    ["resume_schedule", { p_name: "s" }, [{ r: false }]],
    ["delete_schedule", { p_name: "s" }, [{ r: false }]],
    ["tick_schedules", {}, []],
    ["tick_timeouts", {}, []],
    ["list_dead_letters", { p_with_retried: true }, []],
    ["retry_dead_letter", { p_dead_letter_id: secrets.letter }, "DATA_DEAD_LETTER_NOT_FOUND"],
    ["retry_dead_letters", { p_queue: "q" }, []],
    ["purge_dead_letters", { p_older_than: "-1 day" }, [{ r: 0 }]],
    ["get_config", { p_queue: "q" }, [expect.objectContaining({ default_max_attempts: 3 })]],
    ["set_config", { p_queue: "q", p_settings: "{}" }, tenantNotSet],
    ["pause_queue", { p_queue: "q" }, tenantNotSet],
    ["resume_queue", { p_queue: "q" }, tenantNotSet],
    ["next_due", { p_queues: ["q"] }, [{ r: null }]],
    ["report_worker", { p_queues: ["q"], p_worker_id: "w", p_is_waiting: true }, tenantNotSet],
    ["forget_worker", { p_worker_id: "w" }, [{ r: false }]],
  ];
};

/** Both are bound by row level security: the application, and an owner that is no superuser. */
const bound = [
  ["the application role", () => db.app],
  ["the owner", () => db.owner],
] as const;

describe.each(bound)("%s", (_, pool) => {
  it.each(tables)("sees in %s nothing of another tenant, nor of any without one", async (table) => {
    await using session = await openSession(pool());
    for (const tenant of ["acme", null, "", " ", "globe", "globex ", "GLOBEX", "%"]) {
      await session.useTenant(tenant);
      expect((await session.query(`select from queue.${table}`)).rowCount).toBe(0);
    }
    await session.useTenant("globex");
    expect((await session.query(`select from queue.${table}`)).rowCount).toBeGreaterThan(0);
  });

  it("knows a call for each function that takes a namespace", async () => {
    const { rows } = await db.super.query<{ name: string }>(
      `select p.proname::text as name
       from pg_proc p
       where p.pronamespace = 'queue'::regnamespace
         and not starts_with(p.proname, '_')
         and 'p_namespace' = any (p.proargnames)
         and p.proname <> 'channel_name'
       order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual(
      [...new Set(calls().map(([name]) => name))].sort(),
    );
  });

  it.each([
    ["another tenant", "acme", mismatch],
    ["no tenant", null, unset],
  ])(
    "shows and changes nothing of a tenant, with %s, and says why",
    async (_title, tenant, warning) => {
      await using session = await openSession(pool(), tenant);
      for (const [name, args, answer] of calls()) {
        const found = await answerOf(session.rows(name, { p_namespace: "globex", ...args }));
        const warnings = [...new Set(session.takeWarnings())];
        const refused = tenant === null ? "BIZ_TENANT_NOT_SET" : "BIZ_TENANT_MISMATCH";
        const isRefused = answer === tenantNotSet;
        expect([name, found, warnings]).toMatchObject([
          name,
          isRefused ? refused : answer,
          isRefused ? [] : [warning],
        ]);
      }
      expect(await countRows(db.super)).toEqual(before);
      await using globex = await openSession(db.app, "globex");
      expect(await globex.job(secrets.running.id)).toEqual(secrets.running);
    },
  );

  it("is not warned inside its tenant", async () => {
    await using session = await openSession(pool(), "quiet");
    for (const [name, args] of calls()) {
      await session.rows(name, { p_namespace: "quiet", ...args }).catch(() => {});
    }
    expect(session.takeWarnings()).toEqual([]);
    for (const table of tables.filter((table) => table !== "jobs")) {
      await db.super.query(`delete from queue.${table} where namespace = 'quiet'`);
    }
    await db.super.query("delete from queue.config where namespace = 'quiet'");
  });

  it("changes no row of another tenant, whatever it asks for", async () => {
    await using session = await openSession(pool(), "acme");
    for (const statement of [
      "update queue.ready set payload = '0'",
      "delete from queue.ready",
      "delete from queue.deferred where namespace = 'globex'",
      "update queue.leases set expires_at = now(), fence = 0",
      "delete from queue.leases where id > 0",
      "delete from queue.unique_keys",
      "update queue.dead_letters set last_error = 'x'",
      "delete from queue.dead_letters where namespace <> current_setting('postkit.tenant_id')",
      "update queue.schedules set is_active = false, next_run_at = null",
      "delete from queue.schedules",
      "update queue.config set notify = 'off' where namespace = 'globex'",
      "delete from queue.config where namespace = 'globex'",
      "delete from queue.workers",
    ]) {
      expect([statement, (await session.query(statement)).rowCount]).toEqual([statement, 0]);
    }
    expect(await countRows(db.super)).toEqual(before);
  });

  it("writes and moves no row into another tenant", async () => {
    await using session = await openSession(pool(), "acme");
    await session.query("begin");
    await session.push("q");
    for (const statement of [
      `insert into queue.ready (namespace, queue, rank, position, id, attempts, max_attempts, payload, created_at)
       values ('globex', 'q', 0, 1, 1, 0, 1, '{}', now())`,
      `insert into queue.archive (namespace, id, queue, status, priority, attempts, max_attempts, payload, created_at, finished_at)
       values ('globex', 1, 'q', 'dead', 0, 1, 1, '{}', now(), now())`,
      "insert into queue.unique_keys values ('globex', 'q', 'new', 1)",
      "insert into queue.config (namespace, queue) values ('globex', 'new')",
      "insert into queue.workers values ('globex', 'q', 'x', true, now())",
      "insert into queue.workers values ('', 'q', 'x', true, now())",
      "update queue.ready set namespace = 'globex'",
    ]) {
      await session.query("savepoint s");
      expect([statement, await refusalOf(session.query(statement))]).toMatchObject([
        statement,
        { sqlstate: "42501", detail: undefined },
      ]);
      await session.query("rollback to s");
    }
    await session.query("rollback");
  });

  it("cannot tell from an error whether another tenant has a key", async () => {
    await using session = await openSession(pool(), "acme");
    const insert = (key: string) =>
      session.query("insert into queue.unique_keys values ('globex', 'q', $1, 1)", [key]);
    expect(await refusalOf(insert("k"))).toEqual(await refusalOf(insert("free")));
  });
});

describe("the application role", () => {
  const disguises = [
    ["with another tenant", "acme"],
    ["with tenant global", "global"],
    ["without a tenant", null],
  ] as const;

  async function disguise(tenant: string | null): Promise<Session> {
    const session = await openSession(db.app, tenant);
    await session.query("set postkit.maintenance = 'on'");
    return session;
  }

  it.each(disguises)("gains nothing from postkit.maintenance %s", async (_, tenant) => {
    await using app = await disguise(tenant);
    for (const table of tables) {
      expect([table, (await app.query(`select from queue.${table}`)).rowCount]).toEqual([table, 0]);
    }
    const { rows } = await app.query("select distinct namespace from queue.config");
    expect(rows).toEqual([{ namespace: "global" }]);
    const work = app.push("q", { p_namespace: "globex" });
    expect((await refusalOf(work)).sqlstate).toBe("42501");
    expect((await app.query("delete from queue.leases")).rowCount).toBe(0);
  });

  it.each(disguises)("cannot write the settings for all %s", async (_, tenant) => {
    await using app = await disguise(tenant);
    const insert = app.query("insert into queue.config (namespace, queue) values ('global', 'q')");
    expect(await refusalOf(insert)).toMatchObject({ sqlstate: "42501" });
    const update = "update queue.config set notify = 'off' where namespace = 'global'";
    expect((await app.query(update)).rowCount).toBe(0);
    const remove = "delete from queue.config where namespace = 'global'";
    expect((await app.query(remove)).rowCount).toBe(0);
    expect(await countRows(db.super)).toEqual(before);
  });

  it("may have a tenant that is called global, and changes nothing for the others", async () => {
    await using app = await openSession(db.app, "global");
    await app.query("begin");
    const id = await app.push("q");
    expect(await app.pull("q")).toMatchObject({ id, max_attempts: 3 });
    await app.query("rollback");
  });

  it("gets an error, not rows, when it asks to do without row level security", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query("set row_security = off");
    for (const table of tables.filter((table) => table !== "jobs")) {
      expect(await refusalOf(app.query(`select from queue.${table}`))).toMatchObject({
        sqlstate: "42501",
      });
    }
  });

  it("cannot look at rows with a function of its own in the condition", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query(
      `create function pg_temp.leak(p_text text) returns boolean language plpgsql cost 0.0001
       as $$ begin raise warning 'saw %', p_text; return true; end $$`,
    );
    for (const table of tables)
      await app.query(`select from queue.${table} where pg_temp.leak(namespace)`);
    expect(app.takeWarnings()).toEqual([]);
    await app.useTenant("globex");
    await app.query("select from queue.jobs where pg_temp.leak(payload::text)");
    expect(app.takeWarnings()).toContain('saw {"secret": true}');
  });

  it("reaches no job through a partition of the archive, and sets no sequence back", async () => {
    await using app = await openSession(db.app, "globex");
    for (const statement of [
      "select from queue.archive_default",
      "select setval('queue.fence_token_seq', 1)",
      "select setval('queue.job_id_seq', 1)",
      "alter sequence queue.fence_token_seq restart",
      "truncate queue.ready",
      "alter table queue.ready disable row level security",
      "alter function queue.pull(text, text, text, interval) security definer",
      "create table queue.mine (id int)",
      `set role ${db.ownerRole}`,
      "select queue._grant('postkit_app', 'maintenance')",
      "select queue._delete_expired_history(1000)",
      "select * from queue.maintain()",
      "select queue.create_archive_partition('2031-01-01')",
    ]) {
      expect([statement, (await refusalOf(app.query(statement))).sqlstate]).toEqual([
        statement,
        "42501",
      ]);
    }
  });

  it("is not led astray by temporary tables that are named like those of the schema", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query(
      `create temp table ready as select * from queue.ready limit 0;
       create temp table leases as select * from queue.leases limit 0;
       create temp table pg_roles as select current_user as rolname, true as rolsuper, true as rolbypassrls`,
    );
    await app.query("begin");
    const id = await app.push("q");
    expect(await app.pull("q")).toMatchObject({ id });
    await app.query("rollback");
    await app.useTenant(null);
    expect(await refusalOf(app.push("q", { p_namespace: "acme" }))).toMatchObject({
      code: "BIZ_TENANT_NOT_SET",
    });
    expect(await refusalOf(app.rows("tick_timeouts"))).toMatchObject({
      code: "BIZ_ALL_NAMESPACES_REQUIRES_BYPASS",
    });
  });
});

describe("maintain, called by whoever may,", () => {
  let owner: Session;

  beforeEach(async () => {
    const session = await openSession(db.owner);
    owner = session;
    return () => session[Symbol.asyncDispose]();
  });

  it("keeps the jobs that it moves in their tenants", async () => {
    await owner.query("begin");
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 1, scheduled: 1 }]);
    await owner.useTenant("acme");
    expect((await owner.query("select from queue.jobs")).rowCount).toBe(0);
    await owner.useTenant("globex");
    expect(await owner.job(secrets.expired)).toMatchObject({ status: "pending" });
    await owner.query("rollback");
  });
});
