import { setTimeout as delay } from "node:timers/promises";

import { queue } from "@postkit/queue";
import {
  createTestDatabase,
  newRunId,
  startPrivateServer,
  startProxy,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import { describe, expect, it } from "vitest";

import { type Program, startProgram } from "./support/program.ts";
import { type QueuePostkit, gate, openWorks, present } from "./support/works.ts";

const killEveryMs = 1_000;
const terminateEveryMs = 150;

async function withEffects(db: TestDatabase): Promise<void> {
  await db.owner.query("create table effects (job_id bigint not null, fence bigint not null)");
  await db.owner.query(`grant select, insert on effects to ${db.appRole}`);
}

/** Retries come soon, attempts never run out, and every job leaves a trace where it ended. */
const settings = {
  archiveCompleted: true,
  backoffKind: "constant",
  backoffBase: 50,
  backoffJitter: 0,
  defaultMaxAttempts: 30,
} as const;

/** Pushes without a pause until it is told to stop, and keeps the ids of pushes that were acknowledged. */
function pushWithoutPause(postkit: QueuePostkit) {
  const acknowledged: string[] = [];
  const state = { isOver: false };
  const push = async () => {
    while (!state.isOver) {
      // One in a while is due later.
      const delayMs = acknowledged.length % 10 === 0 ? 200 : 0;
      await postkit.queue.push("q", "job", { delayMs }).then(
        (id) => acknowledged.push(present(id)),
        () => {},
      );
      await delay(5);
    }
  };
  const pushing = Promise.all([push(), push()]);
  return {
    acknowledged,
    async stop() {
      state.isOver = true;
      await pushing;
    },
  };
}

/** Does something again and again until it is told to stop; what the database cannot do meanwhile is let be. */
function again(everyMs: number, work: () => unknown) {
  const state = { isOver: false };
  const loop = (async () => {
    while (!state.isOver) {
      await delay(everyMs);
      try {
        await work();
      } catch {
        // The server is away.
      }
    }
  })();
  return async () => {
    state.isOver = true;
    await loop;
  };
}

async function countEffects(db: TestDatabase): Promise<number> {
  const { rows } = await db.super.query<{ count: number }>(
    "select count(*)::int as count from effects",
  );
  return present(rows[0]).count;
}

/** What has to hold when nothing is left to do, in numbers of jobs that break it. */
async function violations(db: TestDatabase, acknowledged: readonly string[]) {
  const { rows } = await db.super.query(
    `with ended as (
       select id from queue.archive union all select original_job_id from queue.dead_letters
     ),
     acknowledged as (select unnest($1::bigint[]) as id)
     select
       (select count(*) from acknowledged a where a.id not in (select job_id from effects))::int as never_ran,
       (select count(*) from acknowledged a where a.id not in (select id from ended))::int as not_ended,
       (select count(*) from (select id from ended group by id having count(*) > 1) d)::int as ended_twice,
       (select count(*)
        from (select job_id, fence from effects group by job_id, fence having count(*) > 1) d)::int as ran_twice_as_one,
       (select count(*) from queue.ready)::int + (select count(*) from queue.deferred)::int
         + (select count(*) from queue.leases)::int as left_over`,
    [acknowledged],
  );
  return rows[0];
}

const none = { never_ran: 0, not_ended: 0, ended_twice: 0, ran_twice_as_one: 0, left_over: 0 };

describe.concurrent("workers under load", () => {
  it("lose no job and settle none twice, whoever is killed", { timeout: 120_000 }, async () => {
    await using server = await startPrivateServer();
    await using db = await createTestDatabase({
      modules: [queue],
      server: { url: server.url, version: server.version, runId: newRunId() },
    });
    await withEffects(db);
    await using works = openWorks(db, { max: 4, timeoutMs: 5_000 });
    await works.queue.setConfig(settings);
    const start = () =>
      startProgram(db.appUrl, works.tenant, {
        options: { concurrency: 4, leaseMs: 1_500 },
        handlerMs: 5,
        effects: "effects",
      });
    const programs: Program[] = Array.from({ length: 3 }, start);
    try {
      const pushing = pushWithoutPause(works.postkit);
      await waitFor(async () => (await countEffects(db)) > 100, { timeoutMs: 20_000 });

      const stopKilling = again(killEveryMs, async () => {
        programs.push(start());
        programs.shift()?.kill("SIGKILL");
      });
      const stopTerminating = again(terminateEveryMs, () =>
        db.super.query(
          `select pg_terminate_backend(pid)
           from (select pid from pg_stat_activity where usename = $1 order by random() limit 1) a`,
          [db.appRole],
        ),
      );
      await delay(6_000);
      await server.crash();
      await delay(500);
      await server.restart();
      await delay(3_000);
      await Promise.all([stopKilling(), stopTerminating()]);
      await server.crash();
      await server.restart();

      // From here on all is well, and within ten seconds new jobs run as if nothing had been.
      const before = await waitFor(() => countEffects(db).catch(() => undefined));
      const acknowledgedBefore = pushing.acknowledged.length;
      await waitFor(
        async () =>
          (await countEffects(db)) > before + 200 &&
          pushing.acknowledged.length > acknowledgedBefore + 200,
        { what: "200 jobs after the last crash" },
      );
      await pushing.stop();
      await waitFor(
        async () => {
          const { pending, running } = await works.queue.getStats();
          return Number(pending) + Number(running) === 0;
        },
        { timeoutMs: 20_000, what: "all jobs to have ended" },
      );
      expect(pushing.acknowledged.length).toBeGreaterThan(500);
      expect(await violations(db, pushing.acknowledged)).toEqual(none);
    } finally {
      await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    }
  });

  it(
    "have the job of a dead worker within 30 seconds of its death",
    { timeout: 90_000 },
    async () => {
      await using db = await createTestDatabase({ modules: [queue] });
      await using works = openWorks(db);
      const program = startProgram(db.appUrl, works.tenant, { handlerMs: 600_000 });
      const id = await works.push("q", "job");
      await program.until("begin job");
      const begun = gate<number>();
      works.work("q", (job) => {
        expect(job.id).toBe(id);
        begun.open(job.attempts);
      });
      await program[Symbol.asyncDispose]();
      const diedAt = performance.now();
      expect(await begun.promise).toBe(2);
      expect(performance.now() - diedAt).toBeLessThan(30_000);
    },
  );

  it("do not settle what they finish behind a silent network, once another has it", async () => {
    await using db = await createTestDatabase({ modules: [queue] });
    await withEffects(db);
    await using proxy = await startProxy(db.appUrl);
    await using works = openWorks(db);
    await works.queue.setConfig(settings);
    await using behind = openWorks(db, { connectionString: proxy.url, tenant: works.tenant });
    const { promise, open } = gate();
    const begun = gate();
    const write = (job: { id: string; fence: string }) =>
      db.app.query("insert into effects values ($1, $2)", [job.id, job.fence]);
    const cutOff = behind.work(
      "q",
      async (job) => {
        await write(job);
        begun.open();
        await promise;
      },
      { leaseMs: 1_000, maintain: false, abandonMs: 60_000 },
    );
    await cutOff.ready;
    const id = await works.push("q", "job");
    await begun.promise;
    proxy.stall();
    works.work("q", (job) => write(job), { leaseMs: 1_000 });
    await waitFor(async () => (await works.queue.getJob(id))?.status === "completed");
    open();
    await waitFor(() => cutOff.load.running === 0);
    proxy.resume();
    await waitFor(() => behind.errors.length > 0);
    await cutOff.drain();
    expect(await countEffects(db)).toBe(2);
    expect(await violations(db, [id])).toEqual(none);
  });

  it("do not call a job lost whose settlement may have been done in the call without an answer", async () => {
    await using db = await createTestDatabase({ modules: [queue] });
    await using proxy = await startProxy(db.appUrl);
    await using works = openWorks(db);
    await using behind = openWorks(db, { connectionString: proxy.url, tenant: works.tenant });
    const { promise, open } = gate();
    const begun = gate();
    const cutOff = behind.work("q", () => (begun.open(), promise), { maintain: false });
    await cutOff.ready;
    const id = await works.push("q", "job");
    await begun.promise;
    const holder = await db.super.connect();
    await holder.query("begin");
    await holder.query("select from queue.leases where id = $1 for update", [id]);
    open();
    await waitFor(async () => {
      const { rows } = await db.super.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    });
    proxy.stall();
    await holder.query("rollback");
    holder.release();
    await waitFor(async () => (await works.queue.getJob(id)) === null);
    proxy.cut();
    proxy.resume();
    await cutOff.drain();
    const codes = behind.errors.map(({ error }) => (error as { code?: string }).code);
    expect(codes).toContain("SYS_CONNECTION_LOST");
    expect(codes).not.toContain("FENCE_STALE");
  });

  it("refuse a late settlement that was sent before the network fell silent", async () => {
    await using db = await createTestDatabase({ modules: [queue] });
    await withEffects(db);
    await using proxy = await startProxy(db.appUrl);
    await using works = openWorks(db);
    await works.queue.setConfig(settings);
    await using behind = openWorks(db, { connectionString: proxy.url, tenant: works.tenant });
    const write = (job: { id: string; fence: string }) =>
      db.app.query("insert into effects values ($1, $2)", [job.id, job.fence]);
    const cutOff = behind.work(
      "q",
      async (job) => {
        await write(job);
        // What settles it goes nowhere for now.
        proxy.stall();
      },
      { leaseMs: 1_000, maintain: false },
    );
    await cutOff.ready;
    const id = await works.push("q", "job");
    await waitFor(async () => (await countEffects(db)) === 1);
    works.work("q", (job) => write(job), { leaseMs: 1_000 });
    await waitFor(async () => (await works.queue.getJob(id))?.status === "completed");
    proxy.resume();
    await waitFor(() =>
      behind.errors.some(({ error }) => (error as { code?: string }).code === "FENCE_STALE"),
    );
    expect(await countEffects(db)).toBe(2);
    expect(await violations(db, [id])).toEqual(none);
  });
});
