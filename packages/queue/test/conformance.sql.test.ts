import { queue } from "@postkit/queue";
import { createTestDatabase, race, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startUntilBlocked } from "./support/blocking.ts";
import {
  held,
  heldTogether,
  openSession,
  refusalOf,
  type HeldJob,
  type Job,
  type NamedArguments,
  type Session,
  present,
} from "./support/session.ts";

let db: TestDatabase;
let app: Session;
let tenant: string;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  const session = await openSession(db.app, tenant);
  app = session;
  return () => session[Symbol.asyncDispose]();
});

/** All that is known of the jobs of the tenant. */
async function snapshot(): Promise<unknown> {
  const { rows } = await app.query(
    `select (select jsonb_agg(j order by j.id) from queue.jobs j) as jobs,
       (select jsonb_agg(d order by d.id) from queue.dead_letters d) as letters,
       (select jsonb_agg(k order by k.key) from queue.unique_keys k) as keys`,
  );
  return rows;
}

const settlements: readonly (readonly [name: string, args: NamedArguments])[] = [
  ["extend_visibility", { p_extension: "1 minute" }],
  ["ack", {}],
  ["nack", { p_error: "stale" }],
  ["fail", { p_error: "stale" }],
  ["release", {}],
];

/** What can be wrong with the fence of a caller, each as a job that he does not hold. */
const defects: Readonly<Record<string, () => Promise<Job>>> = {
  "a job that waits": async () => {
    const id = await app.push("q", { p_unique_key: "k" });
    return { ...present(await app.job(id)), fence_token: "1" };
  },
  "a job that is not there": async () => {
    const job = await pushAndPull();
    return { ...job, id: "9000000000000000000" };
  },
  "a job that was acknowledged": async () => {
    const job = await pushAndPull();
    await app.call("ack", held(job));
    return job;
  },
  "a job whose time ran out": async () => {
    const job = await pushAndPull();
    await app.expire(job.id);
    return job;
  },
  "a job that was taken back": async () => {
    const job = await pushAndPull();
    await app.expire(job.id);
    await app.rows("tick_timeouts", { p_namespace: tenant });
    return job;
  },
  "a job that was pulled anew": async () => {
    const job = await pushAndPull();
    await app.call("release", held(job));
    await app.pull("q");
    return job;
  },
  "a job of a pull that was rolled back": async () => {
    await app.push("q");
    await app.query("begin");
    const job = await app.pull("q");
    await app.query("rollback");
    return job;
  },
  "a job that was rolled back and then pulled by another": async () => {
    await app.push("q");
    await app.query("begin");
    const job = await app.pull("q");
    await app.query("rollback");
    await app.pull("q");
    return job;
  },
  "a job that is held with a later fence than the caller's": async () => {
    const job = await pushAndPull();
    return { ...job, fence_token: String(BigInt(job.fence_token) - 1n) };
  },
  "a dead job": async () => {
    const job = await pushAndPull();
    await app.call("fail", held(job));
    return job;
  },
};

async function pushAndPull(args: NamedArguments = {}): Promise<HeldJob> {
  await app.push("q", args);
  return app.pull("q");
}

describe("1. a fence that is not current", () => {
  const cases = settlements.flatMap(([name, args]) =>
    Object.keys(defects).map((defect) => ({ name, args, defect })),
  );

  it.each(cases)("lets $name not change $defect", async ({ name, args, defect }) => {
    const job = await present(defects[defect])();
    const before = await snapshot();
    expect(await refusalOf(app.call(name, { ...held(job), ...args }))).toMatchObject({
      code: "FENCE_STALE",
      sqlstate: "40001",
      message: expect.stringMatching(new RegExp(`^job ${job.id} is not held with this fence`)),
    });
    expect(await snapshot()).toEqual(before);
  });

  it.each(settlements)("is not needed twice: %s is refused after any other", async (name, args) => {
    const job = await pushAndPull();
    await app.call("release", held(job));
    const before = await snapshot();
    expect(await refusalOf(app.call(name, { ...held(job), ...args }))).toMatchObject({
      code: "FENCE_STALE",
    });
    expect(await snapshot()).toEqual(before);
  });

  it("is what somebody has who waited for the row beyond his deadline", async () => {
    const job = await pushAndPull();
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.query("select from queue.leases for update");
    const { work, isBlocked } = await startUntilBlocked(db, app, () =>
      app.call("ack", held(job)).then(
        () => "acknowledged",
        (error: { hint: string }) => error.hint,
      ),
    );
    await other.expire(job.id);
    await other.query("commit");
    expect([isBlocked, await work]).toEqual([true, "postkit:queue:FENCE_STALE"]);
  });
});

describe("2. ack_batch", () => {
  it.each(Object.keys(defects))("acknowledges none when one is %s", async (defect) => {
    const good = [await pushAndPull({ p_unique_key: "a" }), await pushAndPull()];
    const bad = await present(defects[defect])();
    const before = await snapshot();
    for (const jobs of [
      [...good, bad],
      [bad, ...good],
    ]) {
      expect(await refusalOf(app.call("ack_batch", heldTogether(jobs)))).toMatchObject({
        code: "FENCE_STALE",
        sqlstate: "40001",
        message: expect.stringContaining(`job ${bad.id} `),
      });
    }
    expect(await snapshot()).toEqual(before);
    expect(await app.call("ack_batch", heldTogether(good))).toBe(2);
  });

  it("acknowledges none when one is of another tenant", async () => {
    const good = await pushAndPull();
    await using other = await openSession(db.app, "globex");
    await other.push("q");
    const foreign = await other.pull("q");
    const args = heldTogether([good, foreign]);
    expect(await refusalOf(app.call("ack_batch", args))).toMatchObject({ code: "FENCE_STALE" });
    expect(await app.job(good.id)).toMatchObject({ status: "running" });
    expect(await other.job(foreign.id)).toMatchObject({ status: "running" });
  });

  it.each([
    ["both null", null, null, 0],
    ["both empty", [], [], 0],
  ])("takes %s for nothing to do", async (_, ids, fences, count) => {
    const args = { p_namespace: tenant, p_job_ids: ids, p_fences: fences };
    expect(await app.call("ack_batch", args)).toBe(count);
  });

  it.each([
    ["ids without fences", ["1"], null, "VAL_ACK_BATCH_LENGTH"],
    ["fences without ids", null, ["1"], "VAL_ACK_BATCH_LENGTH"],
    ["fewer fences than ids", ["1", "2"], ["1"], "VAL_ACK_BATCH_LENGTH"],
    ["no fences for ids", ["1"], [], "VAL_ACK_BATCH_LENGTH"],
    ["an id that is null", ["1", null], ["1", "2"], "VAL_JOB_ID_NULL"],
    ["a fence that is null", ["1", "2"], ["1", null], "VAL_FENCE_NULL"],
    ["a job twice", ["1", "1"], ["1", "2"], "VAL_ACK_BATCH_DUPLICATE_JOB"],
  ])("refuses %s", async (_, ids, fences, code) => {
    const job = await pushAndPull();
    const before = await snapshot();
    const args = { p_namespace: tenant, p_job_ids: ids, p_fences: fences };
    expect(await refusalOf(app.call("ack_batch", args))).toMatchObject({ code });
    expect(await app.job(job.id)).toMatchObject({ status: "running" });
    expect(await snapshot()).toEqual(before);
  });

  it("takes 1,000 jobs and refuses 1,001, whereupon nothing is written", async () => {
    const payloads = Array.from({ length: 1000 }, () => "{}");
    await app.call("push_batch", { p_namespace: tenant, p_queue: "q", p_payloads: payloads });
    await app.push("q");
    const pull = { p_namespace: tenant, p_queue: "q", p_limit: 1000 };
    const jobs = [...(await app.rows<Job>("pull_batch", pull)), await app.pull("q")];
    const refusal = await refusalOf(app.call("ack_batch", heldTogether(jobs)));
    expect(refusal).toMatchObject({ code: "VAL_BATCH_TOO_LARGE" });
    expect(await app.rows("get_stats", { p_namespace: tenant })).toMatchObject([
      { running: "1001" },
    ]);
    expect(await app.call("ack_batch", heldTogether(jobs.slice(0, 1000)))).toBe(1000);
    expect(await app.rows("get_stats", { p_namespace: tenant })).toMatchObject([
      { total_jobs: "1", running: "1" },
    ]);
  });
});

describe("3. a serialization failure", () => {
  it("has the SQLSTATE of a stale fence and not its hint", async () => {
    const job = await pushAndPull();
    await using other = await openSession(db.app, tenant);
    await app.query("begin isolation level repeatable read");
    await app.job(job.id);
    const args = { ...held(job), p_extension: "1 minute" };
    await other.call("extend_visibility", args);
    const refusal = await refusalOf(app.call("extend_visibility", args));
    expect(refusal).toMatchObject({ code: undefined, sqlstate: "40001" });
  });
});

describe("4. a job that is archived", () => {
  beforeEach(async () => {
    const settings = '{"archive_completed": true}';
    await app.call("set_config", { p_namespace: tenant, p_queue: null, p_settings: settings });
  });

  it.each(["ack", "ack_batch", "settle_batch", "settle_and_pull"])(
    "by %s is completed, with all that was known of it and no more lock",
    async (name) => {
      const job = await pushAndPull({
        p_payload: '{"a": 1}',
        p_priority: 7,
        p_tags: ["x"],
        p_metadata: '{"m": 1}',
        p_unique_key: "k",
      });
      const args =
        name === "ack"
          ? held(job)
          : {
              ...heldTogether([job]),
              ...(name === "settle_batch" && { p_outcomes: ["ack"] }),
              ...(name === "settle_and_pull" && { p_queues: [], p_limit: 0 }),
            };
      await app.call(name, args);
      expect(await app.job(job.id)).toEqual({
        ...job,
        status: "completed",
        locked_by: null,
        locked_at: null,
        visibility_timeout_at: null,
        fence_token: null,
        completed_at: expect.any(Date),
        updated_at: expect.any(Date),
      });
      expect(await app.rows("get_stats", { p_namespace: tenant })).toEqual([
        {
          total_jobs: "1",
          pending: "0",
          running: "0",
          completed: "1",
          dead: "0",
          total_queues: "1",
        },
      ]);
    },
  );

  it("frees its key", async () => {
    const job = await pushAndPull({ p_unique_key: "k" });
    await app.call("ack", held(job));
    expect(await app.push("q", { p_unique_key: "k" })).toBeTypeOf("string");
  });
});

describe("5. the backoff", () => {
  const delayOf = async (id: string) => {
    const { rows } = await app.query<{ delay: string }>(
      "select (j.scheduled_at - j.updated_at)::text as delay from queue.get_job($1, $2) j",
      [tenant, id],
    );
    return rows[0]?.delay;
  };

  it.each(["00:00:07", "3 days", "00:00:00", "-00:05:00"])(
    "is exactly %s when asked",
    async (backoff) => {
      const job = await pushAndPull();
      expect(await app.call("nack", { ...held(job), p_backoff: backoff })).toBe(true);
      expect(await delayOf(job.id)).toBe(backoff);
    },
  );

  it.each([
    [1, "00:00:30"],
    [2, "00:01:00"],
    [7, "00:32:00"],
    [8, "01:00:00"],
    [29, "01:00:00"],
  ])("after attempt %i is exactly %s by default", async (attempts, delay) => {
    await app.push("q", { p_max_attempts: 30 });
    for (let attempt = 1; attempt < attempts; attempt++) {
      await app.call("release", held(await app.pull("q")));
    }
    const job = await app.pull("q");
    expect(job.attempts).toBe(attempts);
    expect(await app.call("nack", held(job))).toBe(true);
    expect(await delayOf(job.id)).toBe(delay);
  });
});

describe("6. a job whose time ran out", () => {
  it("keeps its attempts, and is a dead letter when its last one fails", async () => {
    const first = await pushAndPull({ p_max_attempts: 2 });
    await app.expire(first.id);
    expect(await app.rows("tick_timeouts", { p_namespace: tenant })).toMatchObject([
      { job_id: first.id, queue: "q", stuck_duration: { hours: 1 } },
    ]);
    expect(await app.job(first.id)).toMatchObject({
      status: "pending",
      attempts: 1,
      fence_token: null,
    });
    const second = await app.pull("q");
    expect(second).toMatchObject({ id: first.id, attempts: 2 });
    expect(await app.call("nack", { ...held(second), p_error: "no" })).toBe(false);
    expect(await app.job(first.id)).toMatchObject({ status: "dead", error: "no" });
    expect(await app.rows("list_dead_letters", { p_namespace: tenant })).toMatchObject([
      { original_job_id: first.id, attempts: 2, last_error: "no", reason_code: "attempts" },
    ]);
  });

  it("is a dead letter when it was the last attempt, so that it kills no more workers", async () => {
    const job = await pushAndPull({ p_max_attempts: 1 });
    await app.expire(job.id);
    expect(await app.rows("tick_timeouts", { p_namespace: tenant })).toHaveLength(1);
    expect(await app.job(job.id)).toMatchObject({ status: "dead", attempts: 1 });
    expect(await app.rows("list_dead_letters", { p_namespace: tenant })).toMatchObject([
      { original_job_id: job.id, reason_code: "timeout", last_error: "timeout" },
    ]);
  });
});

describe("7. pull, a write of one's own, and ack", () => {
  beforeAll(async () => {
    await db.owner.query(
      `create table public.effects (job_id bigint primary key); grant all on public.effects to ${db.appRole}`,
    );
  });

  it.each([
    ["commit", 1, []],
    ["rollback", 0, [{ status: "pending", attempts: 0, fence_token: null, locked_by: null }]],
  ])("%s together", async (end, effects, after) => {
    const id = await app.push("q");
    await app.query("begin");
    const job = await app.pull("q");
    await app.query("insert into public.effects values ($1)", [job.id]);
    await app.call("ack", held(job));
    await app.query(end);
    const written = await app.query("select from public.effects where job_id = $1", [id]);
    expect(written.rowCount).toBe(effects);
    const left = await app.rows<Job>("get_job", { p_namespace: tenant, p_job_id: id });
    expect(left).toMatchObject(after);
  });

  it("burn the fence of a pull that is rolled back", async () => {
    await app.push("q");
    await app.query("begin");
    const burnt = await app.pull("q");
    await app.query("rollback");
    const job = await app.pull("q");
    expect(BigInt(job.fence_token)).toBeGreaterThan(BigInt(burnt.fence_token));
    expect(job.attempts).toBe(1);
  });
});

describe("9. schedules", () => {
  const count = 5000;

  async function createDue(): Promise<void> {
    await app.query(
      `insert into queue.schedules (namespace, name, queue, payload, cron_expression, next_run_at)
       select $1, 's' || i, 'q', '{}', '0 0 1 1 *', now() - make_interval(secs => $2 - i)
       from generate_series(1, $2) i`,
      [tenant, count],
    );
  }

  it(
    "that are 5,000 and due are all run once, in the order of their times",
    { timeout: 60_000 },
    async () => {
      await createDue();
      const names: string[] = [];
      for (;;) {
        const args = { p_namespace: tenant, p_limit: 1000 };
        const runs = await app.rows<{ schedule_name: string }>("tick_schedules", args);
        if (runs.length === 0) break;
        names.push(...runs.map(({ schedule_name: name }) => name));
      }
      expect(names).toEqual(Array.from({ length: count }, (_, index) => `s${index + 1}`));
      const { rows } = await app.query(
        `select count(*)::int as jobs, count(distinct j.metadata ->> 'schedule')::int as schedules
         from queue.jobs j`,
      );
      expect(rows).toEqual([{ jobs: count, schedules: count }]);
    },
  );

  it("are run once by tickers that are at it together", { timeout: 60_000 }, async () => {
    await createDue();
    const tickers = await Promise.all([1, 2, 3].map(() => openSession(db.app, tenant)));
    const results = await race(tickers.length, async (index) => {
      const ids: string[] = [];
      for (;;) {
        const args = { p_namespace: tenant, p_limit: 250 };
        const runs = await present(tickers[index]).rows<{ job_id: string }>("tick_schedules", args);
        if (runs.length === 0) return ids;
        ids.push(...runs.map(({ job_id: id }) => id));
      }
    });
    await Promise.all(tickers.map((ticker) => ticker[Symbol.asyncDispose]()));
    const ids = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    // A ticker that finds all that is left locked by others goes home.
    await app.rows("tick_schedules", { p_namespace: tenant, p_limit: 1000 });
    expect(new Set(ids).size).toBe(ids.length);
    const { rows } = await app.query(
      "select count(*)::int as jobs, count(distinct j.metadata ->> 'schedule')::int as schedules from queue.jobs j",
    );
    expect(rows).toEqual([{ jobs: count, schedules: count }]);
  });
});

describe("10. of two at once", () => {
  const rivals: readonly (readonly [string, NamedArguments])[] = [
    ["ack", {}],
    ["nack", {}],
    ["fail", {}],
    ["release", {}],
    ["ack_batch", {}],
    ["tick_timeouts", {}],
  ];
  const pairs = rivals.flatMap((first, index) =>
    rivals.slice(index).map((second) => ({ first, second, title: `${first[0]} and ${second[0]}` })),
  );

  it.each(pairs)("$title, exactly one has the job", async ({ first, second }) => {
    await using other = await openSession(db.app, tenant);
    const job = await pushAndPull();
    const isExpired = first[0] === "tick_timeouts" || second[0] === "tick_timeouts";
    if (isExpired) await app.expire(job.id);
    const settle = async (session: Session, name: string): Promise<boolean> => {
      if (name === "tick_timeouts") {
        return (await session.rows(name, { p_namespace: tenant })).length === 1;
      }
      const args = name === "ack_batch" ? heldTogether([job]) : held(job);
      return session.call(name, args).then(
        () => true,
        (error: { hint?: string }) => {
          expect(error.hint).toBe("postkit:queue:FENCE_STALE");
          return false;
        },
      );
    };
    const results = await race(2, (index) =>
      index === 0 ? settle(app, first[0]) : settle(other, second[0]),
    );
    const wins = results.filter((result) => result.status === "fulfilled" && result.value);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    // A tick passes over a row that the other has locked, if only to find that its time is over; the next one takes it.
    const isLeft = wins.length === 0 && isExpired;
    expect(wins.length + (isLeft ? Number(await settle(app, "tick_timeouts")) : 0)).toBe(1);
  });

  it("pullers, each has jobs of his own and none is left", async () => {
    const payloads = Array.from({ length: 200 }, () => "{}");
    await app.call("push_batch", { p_namespace: tenant, p_queue: "q", p_payloads: payloads });
    const pullers = await Promise.all([1, 2, 3, 4].map(() => openSession(db.app, tenant)));
    const results = await race(pullers.length, async (index) => {
      const ids: string[] = [];
      for (;;) {
        const args = { p_namespace: tenant, p_queue: "q", p_limit: 7 };
        const jobs = await present(pullers[index]).rows<Job>("pull_batch", args);
        if (jobs.length === 0) return ids;
        ids.push(...jobs.map(({ id }) => id));
      }
    });
    await Promise.all(pullers.map((puller) => puller[Symbol.asyncDispose]()));
    const ids = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    expect([ids.length, new Set(ids).size]).toEqual([200, 200]);
  });

  it("cancellations and pulls of one job, one has it", async () => {
    await using other = await openSession(db.app, tenant);
    for (let round = 0; round < 10; round++) {
      const id = await app.push("q");
      const results = await race(2, (index) =>
        index === 0
          ? app.call<boolean>("cancel", { p_namespace: tenant, p_job_id: id })
          : other
              .rows<Job>("pull", { p_namespace: tenant, p_queue: "q" })
              .then((jobs) => jobs.length === 1),
      );
      const won = results.map((result) => result.status === "fulfilled" && result.value);
      expect(won.filter(Boolean)).toHaveLength(1);
      if (won[1]) await other.call("ack", held(present(await app.job(id))));
    }
  });
});

describe("11. a limit", () => {
  const limited: readonly (readonly [string, NamedArguments])[] = [
    ["pull_batch", { p_queue: "q" }],
    ["list_jobs", {}],
    ["list_schedules", {}],
    ["list_dead_letters", {}],
    ["tick_schedules", {}],
    ["tick_timeouts", {}],
    ["retry_dead_letters", { p_queue: "q" }],
    ["settle_and_pull", { p_queues: ["q"] }],
  ];
  const cases = limited.flatMap(([name, args]) =>
    ([null, 0, -1, 1001] as const)
      .filter((limit) => name !== "settle_and_pull" || limit !== 0)
      .map((limit) => ({ name, args, limit })),
  );

  it.each(cases)("of $limit is refused by $name", async ({ name, args, limit }) => {
    await app.push("q");
    const before = await snapshot();
    const call = app.rows(name, { p_namespace: tenant, ...args, p_limit: limit });
    expect(await refusalOf(call)).toMatchObject({
      code: limit === 1001 ? "VAL_LIMIT_TOO_LARGE" : "VAL_NOT_POSITIVE",
      sqlstate: "22023",
      message: expect.stringMatching(/^limit /),
    });
    expect(await snapshot()).toEqual(before);
  });

  it.each(limited)("of 1 and of 1,000 is accepted by %s", async (name, args) => {
    for (const limit of [1, 1000]) {
      const work = app.rows(name, { p_namespace: tenant, ...args, p_limit: limit });
      await expect(work).resolves.toBeInstanceOf(Array);
    }
  });
});
