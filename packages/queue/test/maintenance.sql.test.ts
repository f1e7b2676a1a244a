import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { pagesOf } from "./support/plans.ts";
import { held, openSession, refusalOf, type Session } from "./support/session.ts";

let db: TestDatabase;
let acme: Session;
let globex: Session;
let owner: Session;

beforeEach(async () => {
  db = await createTestDatabase({ modules: [queue] });
  acme = await openSession(db.app, "acme");
  globex = await openSession(db.app, "globex");
  owner = await openSession(db.owner);
});

afterEach(() => db.drop());

const maintain = async (session = owner) => (await session.rows("maintain"))[0];

describe("maintain", () => {
  it("has nothing to do in an empty database", async () => {
    expect(await maintain()).toEqual({ is_leader: true, timed_out: 0, scheduled: 0, problems: [] });
  });

  it("takes timed-out jobs back and runs schedules of all tenants", async () => {
    for (const app of [acme, globex]) {
      const { rows } = await app.query<{ tenant: string }>(
        "select current_setting('postkit.tenant_id') as tenant",
      );
      const tenant = rows[0]?.tenant;
      for (const attempts of [1, 2]) {
        await app.push("q", { p_max_attempts: attempts });
        await app.expire((await app.pull("q")).id);
      }
      await app.call("create_schedule", {
        p_namespace: tenant,
        p_name: "s",
        p_queue: "scheduled",
        p_payload: "{}",
        p_cron_expression: "* * * * *",
      });
      await app.query("update queue.schedules set next_run_at = now()");
    }
    expect(await maintain()).toEqual({ is_leader: true, timed_out: 4, scheduled: 2, problems: [] });
    for (const [app, tenant] of [
      [acme, "acme"],
      [globex, "globex"],
    ] as const) {
      expect(await app.rows("get_stats", { p_namespace: tenant })).toMatchObject([
        { pending: "2", running: "0", dead: "1" },
      ]);
      expect(await app.rows("list_dead_letters", { p_namespace: tenant })).toMatchObject([
        { reason_code: "timeout" },
      ]);
    }
    expect(await maintain()).toEqual({ is_leader: true, timed_out: 0, scheduled: 0, problems: [] });
  });

  it("is done by one at a time, and nobody waits for it", async () => {
    await owner.query("begin");
    await maintain();
    await using other = await openSession(db.owner);
    expect(await maintain(other)).toEqual({
      is_leader: false,
      timed_out: 0,
      scheduled: 0,
      problems: [],
    });
    await owner.query("commit");
    expect(await maintain(other)).toMatchObject({ is_leader: true });
  });

  it("is not done again within the time that a caller names", async () => {
    await maintain();
    const again = (p_unless_within: string) => owner.rows("maintain", { p_unless_within });
    expect(await again("1 minute")).toMatchObject([{ is_leader: false }]);
    expect(await again("0")).toMatchObject([{ is_leader: true }]);
  });

  it("goes on with the other parts when one fails, and says what was wrong", async () => {
    await using app = await openSession(db.app, "acme");
    await app.query("select queue.push('acme', 'part', '{}')");
    await app.query("select queue.pull('acme', 'part')");
    await db.super.query("update queue.leases set expires_at = now() - interval '1 second'");
    await db.owner.query(`
      select queue.create_archive_partition('2020-01-01');
      create view public.hold as select * from queue.archive_y2020m01d01`);
    const [said] = await owner.rows<{ timed_out: number; problems: string[] }>("maintain");
    await db.owner.query("drop view public.hold");
    expect(said?.timed_out).toBe(1);
    expect(said?.problems).toEqual([expect.stringMatching(/^partitions: cannot drop/)]);
  });

  it("forgets workers that were not heard of for five minutes", async () => {
    for (const worker of ["dead", "alive"]) {
      await acme.call("report_worker", {
        p_namespace: "acme",
        p_queues: ["q"],
        p_worker_id: worker,
        p_is_waiting: true,
      });
    }
    await acme.query(
      "update queue.workers set seen_at = now() - interval '6 minutes' where worker_id = 'dead'",
    );
    await maintain();
    const { rows } = await acme.query("select worker_id from queue.workers");
    expect(rows).toEqual([{ worker_id: "alive" }]);
  });

  it("makes the partitions of the coming days before they are needed", async () => {
    const { rows } = await db.super.query<{ name: string }>(
      `select to_char((now() at time zone 'utc')::date + i, '"archive_y"YYYY"m"MM"d"DD') as name
       from generate_series(2, 7) i`,
    );
    for (const { name } of rows) await owner.query(`drop table queue.${name}`);
    await maintain();
    const made = await db.super.query(
      "select from unnest($1::text[]) n where to_regclass('queue.' || n) is not null",
      [rows.map(({ name }) => name)],
    );
    expect(made.rowCount).toBe(rows.length);
  });

  it("does the rest while somebody holds the archive", async () => {
    await using reader = await openSession(db.app, "acme");
    await db.super.query(
      `do $$ begin execute 'drop table queue.' || to_char(now() at time zone 'utc' + interval '3 days', '"archive_y"YYYY"m"MM"d"DD'); end $$`,
    );
    await acme.push("q");
    await acme.expire((await acme.pull("q")).id);
    await reader.query("begin");
    await reader.query("select from queue.archive");
    expect(await maintain()).toMatchObject({ is_leader: true, timed_out: 1 });
    await reader.query("rollback");
  });

  it("deletes what each queue of each tenant keeps no longer, and nothing that it keeps", async () => {
    const settings = (
      app: Session,
      namespace: string,
      queueName: string | null,
      retention: string,
    ) =>
      app.call("set_config", {
        p_namespace: namespace,
        p_queue: queueName,
        p_settings: JSON.stringify({ archive_completed: true, retention }),
      });
    await settings(acme, "acme", null, "2 days");
    await settings(acme, "acme", "short", "1 hour");
    for (const [app, name] of [
      [acme, "short"],
      [acme, "long"],
      [globex, "q"],
    ] as const) {
      await app.push(name);
      await app.call("fail", held(await app.pull(name)));
    }
    await db.super.query("update queue.archive set finished_at = finished_at - interval '1 day'");
    await maintain();
    const { rows } = await db.super.query("select queue from queue.archive order by queue");
    expect(rows).toEqual([{ queue: "long" }, { queue: "q" }]);
  });

  it("deletes retried dead letters when their time is over, and never those that wait", async () => {
    const letterOf = async (queueName: string) => {
      await acme.push(queueName);
      await acme.call("fail", held(await acme.pull(queueName)));
    };
    await letterOf("retried");
    await letterOf("waiting");
    await letterOf("young");
    for (const name of ["retried", "young"]) {
      await acme.rows("retry_dead_letters", { p_namespace: "acme", p_queue: name });
    }
    await acme.query(
      `update queue.dead_letters set failed_at = now() - interval '1 year',
         retried_at = case queue when 'retried' then now() - interval '8 days' else retried_at end`,
    );
    await maintain();
    const { rows } = await acme.query("select queue from queue.dead_letters order by queue");
    expect(rows).toEqual([{ queue: "waiting" }, { queue: "young" }]);
  });

  it("comes by everywhere, but looks at a bounded number of jobs and dead letters each time", async () => {
    await acme.call("set_config", {
      p_namespace: "acme",
      p_queue: "short",
      p_settings: JSON.stringify({ retention: "1 hour" }),
    });
    await db.super.query(
      `insert into queue.archive (
         namespace, id, queue, status, priority, attempts, max_attempts, payload, created_at, finished_at
       )
       select 'acme', i, case when i <= 20 then 'short' else 'long' end, 'completed', 0, 1, 3, '{}', now(),
         now() - interval '1 day' - make_interval(secs => i)
       from generate_series(1, 20000) i;
       insert into queue.dead_letters (
         namespace, original_job_id, queue, priority, attempts, max_attempts, payload, reason_code, failed_at,
         retry_job_id, retried_at
       )
       select 'acme', i, case when i <= 20 then 'short' else 'long' end, 0, 3, 3, '{}', 'failed', now(), i,
         now() - interval '1 day' - make_interval(secs => i)
       from generate_series(1, 20000) i`,
    );
    await owner.query("set postkit.maintenance = 'on'");
    const look = "select queue._delete_expired_history(100)";
    // Nothing to plan any more.
    await owner.query(look);
    expect(await pagesOf(owner, look)).toBeLessThan(5000);
    await waitFor(async () => {
      await owner.query("select queue._delete_expired_history(1000)");
      const { rows } = await db.super.query<{ left: number }>(
        `select (select count(*) from queue.archive where queue = 'short')::int
           + (select count(*) from queue.dead_letters where queue = 'short')::int as left`,
      );
      return rows[0]?.left === 0;
    });
    const { rows } = await db.super.query(
      `select (select count(*) from queue.archive)::int as archive,
         (select count(*) from queue.dead_letters)::int as dead_letters`,
    );
    expect(rows).toEqual([{ archive: 19_980, dead_letters: 19_980 }]);
  });

  it("does not stop for what one tenant asks to be kept for ever", async () => {
    for (const retention of ["1000 years", "999 years 11 months"]) {
      await acme.call("set_config", {
        p_namespace: "acme",
        p_queue: null,
        p_settings: JSON.stringify({ retention }),
      });
      expect(await maintain()).toMatchObject({ is_leader: true });
    }
  });

  it("leaves its caller without maintenance", async () => {
    await owner.query("begin");
    await maintain();
    const { rows } = await owner.query(
      "select coalesce(current_setting('postkit.maintenance', true), '') as maintenance",
    );
    expect(rows).toEqual([{ maintenance: "" }]);
    expect(
      (await owner.query("select from queue.config where namespace <> 'global'")).rowCount,
    ).toBe(0);
  });
});

describe("ticks over all namespaces", () => {
  it.each(["tick_timeouts", "tick_schedules"])(
    "are refused by %s to a role that row level security binds, even in what it calls maintenance",
    async (name) => {
      await acme.query("set postkit.maintenance = 'on'");
      for (const session of [acme, owner]) {
        expect(await refusalOf(session.rows(name))).toMatchObject({
          code: "BIZ_ALL_NAMESPACES_REQUIRES_BYPASS",
          sqlstate: "42501",
        });
      }
    },
  );

  it("are done for a superuser", async () => {
    await acme.push("q");
    await acme.expire((await acme.pull("q")).id);
    await using root = await openSession(db.super);
    expect(await root.rows("tick_timeouts")).toHaveLength(1);
    expect(await root.rows("tick_schedules")).toEqual([]);
  });
});

describe("a role", () => {
  async function withRole(
    kind: string,
    work: (session: Session, role: string) => Promise<void>,
  ): Promise<void> {
    const role = `${kind}_${db.name}`;
    await db.super.query(`create role ${role}`);
    try {
      await using session = await openSession(db.super);
      await db.owner.query("select postkit.grant_role($1, $2)", [role, kind]);
      await session.query(`set role ${role}`);
      await work(session, role);
    } finally {
      await db.super.query(`drop owned by ${role}; drop role ${role}`);
    }
  }

  it("of kind app may not maintain", async () => {
    expect(await refusalOf(maintain(acme))).toMatchObject({ sqlstate: "42501" });
  });

  it("of kind worker may maintain all tenants and read none of them", async () => {
    await acme.push("q");
    await acme.expire((await acme.pull("q")).id);
    await withRole("worker", async (worker) => {
      expect(await maintain(worker)).toMatchObject({ is_leader: true, timed_out: 1 });
      await worker.query("set postkit.maintenance = 'on'");
      for (const table of ["ready", "jobs", "archive", "dead_letters"]) {
        expect((await worker.query(`select from queue.${table}`)).rowCount).toBe(0);
      }
      const work = worker.rows("create_archive_partition", { p_day: "2031-01-01" });
      expect(await refusalOf(work)).toMatchObject({ sqlstate: "42501" });
    });
  });

  it("of kind worker may do for a tenant what an application may", async () => {
    await withRole("worker", async (worker) => {
      await worker.useTenant("acme");
      await worker.push("q");
      expect(await worker.call("ack", held(await worker.pull("q")))).toBe(true);
    });
  });

  it("of kind maintenance may look after the archive too", async () => {
    await withRole("maintenance", async (janitor) => {
      expect(await maintain(janitor)).toMatchObject({ is_leader: true });
      expect(await janitor.call("create_archive_partition", { p_day: "2031-01-01" })).toBe(
        "archive_y2031m01d01",
      );
      await janitor.rows("ensure_archive_partitions");
      await janitor.rows("drop_archive_partitions");
    });
  });

  it("keeps what it was given by hand on a sequence when grants are applied again", async () => {
    await withRole("app", async (_, role) => {
      const mayRead = async () => {
        const { rows } = await db.super.query<{ may: boolean }>(
          "select has_sequence_privilege($1, 'queue.job_id_seq', 'select') as may",
          [role],
        );
        return rows[0]?.may;
      };
      await db.owner.query(`grant select on sequence queue.job_id_seq to ${role}`);
      await db.owner.query("select postkit.reapply_grants()");
      expect(await mayRead()).toBe(true);
      await db.owner.query("select postkit.revoke_role($1)", [role]);
      expect(await mayRead()).toBe(false);
    });
  });

  it.each(["app", "worker", "maintenance"])(
    "of kind %s has nothing left of all that once it is revoked, and can be dropped",
    async (kind) => {
      await withRole(kind, async (session, role) => {
        await db.owner.query("select postkit.revoke_role($1)", [role]);
        await session.query("reset role");
        const { rows } = await db.super.query(
          `select c.relname::text as object
           from pg_class c, aclexplode(c.relacl) a
           where c.relnamespace = 'queue'::regnamespace and a.grantee = $1::regrole
           union all
           select p.proname::text
           from pg_proc p, aclexplode(p.proacl) a
           where p.pronamespace = 'queue'::regnamespace and a.grantee = $1::regrole`,
          [role],
        );
        expect(rows).toEqual([]);
      });
    },
  );
});
