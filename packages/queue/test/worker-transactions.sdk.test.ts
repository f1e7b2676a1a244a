import { type JobContext, type JobHandler, queue, type WorkOptions } from "@postkit/queue";
import type { Transaction } from "@postkit/core";
import { createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { allSettled, gate, openWorks, record, type Works, present } from "./support/works.ts";

let db: TestDatabase;
let works: Works;
let client: Works["queue"];

type Tx = Transaction<{ queue: typeof queue }>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await db.owner.query("create table effects (job_id bigint, fence bigint, note text)");
  await db.owner.query(`grant select, insert on effects to ${db.appRole}`);
});

afterAll(() => db.drop());

beforeEach(async () => {
  works = openWorks(db);
  client = works.queue;
  await client.setConfig({ backoffKind: "constant", backoffBase: 20, backoffJitter: 0 });
  return () => works[Symbol.asyncDispose]();
});

/** A worker whose handlers write their effect first and then do something. */
function workWith(
  then: (...args: Parameters<JobHandler<unknown, Tx>>) => unknown,
  options: WorkOptions = {},
) {
  return works.work(
    "q",
    async (job, context: JobContext<Tx>) => {
      await context.postkit.query("insert into effects values ($1, $2, $3)", [
        job.id,
        job.fence,
        `attempt ${job.attempts}`,
      ]);
      return then(job, context);
    },
    { transactional: true, ...options },
  );
}

async function effectsOf(id: string | null): Promise<string[]> {
  const { rows } = await db.super.query<{ note: string }>(
    "select note from effects where job_id = $1 order by fence",
    [id],
  );
  return rows.map(({ note }) => note);
}

describe("a transactional worker", () => {
  it("commits what the handler did and the job's end together", async () => {
    const { promise, open } = gate();
    const begun = gate();
    workWith(() => (begun.open(), promise));
    const id = await works.push("q", 1);
    await begun.promise;
    expect(await effectsOf(id)).toEqual([]);
    expect(await client.getJob(id)).toMatchObject({ status: "running" });
    open();
    await allSettled(works);
    expect(await effectsOf(id)).toEqual(["attempt 1"]);
    expect(works.errors).toEqual([]);
  });

  it("leaves nothing of a handler that throws, and tries it again", async () => {
    workWith(({ attempts }) => {
      if (attempts < 3) throw new Error("not yet");
    });
    const id = await works.push("q", 1, { maxAttempts: 3 });
    await allSettled(works);
    expect(await effectsOf(id)).toEqual(["attempt 3"]);
  });

  it("leaves nothing of a handler that swallows a failed statement", async () => {
    workWith(async ({ attempts }, { postkit }) => {
      if (attempts === 1) await postkit.query("select 1 / 0").catch(() => {});
    });
    const id = await works.push("q", 1);
    await allSettled(works);
    expect(await effectsOf(id)).toEqual(["attempt 2"]);
  });

  it("rolls back when the job is another's by the time it is done", async () => {
    const { promise, open } = gate();
    const begun = gate();
    workWith(({ attempts }) => attempts === 1 && (begun.open(), promise), {
      leaseMs: 3_600_000,
      maintain: false,
    });
    const id = await works.push("q", 1);
    await begun.promise;
    await db.super.query(
      `update queue.leases set locked_at = locked_at - interval '1 hour',
         expires_at = clock_timestamp() - interval '1 second'
       where namespace = $1`,
      [works.tenant],
    );
    open();
    await waitFor(() => works.errors.length === 1);
    expect(works.errors).toMatchObject([{ error: { code: "FENCE_STALE" }, job: { id } }]);
    expect(await effectsOf(id)).toEqual([]);
    await client.tickTimeouts();
    await allSettled(works);
    expect(await effectsOf(id)).toEqual(["attempt 2"]);
  });

  it("leaves nothing when its connection is killed, and runs the job again", async () => {
    const begun = gate<number>();
    const { promise, open } = gate();
    workWith(async ({ attempts }, { postkit }) => {
      if (attempts > 1) return;
      const { rows } = await postkit.query<{ pid: number }>("select pg_backend_pid() as pid");
      begun.open(present(rows[0]).pid);
      await promise;
    });
    const id = await works.push("q", 1);
    await db.super.query("select pg_terminate_backend($1)", [await begun.promise]);
    open();
    await waitFor(async () => (await effectsOf(id)).length === 1);
    await allSettled(works);
    expect(await effectsOf(id)).toEqual(["attempt 2"]);
  });

  it("commits jobs that the handler pushed, or none of them", async () => {
    workWith(async ({ attempts }, { postkit }) => {
      await postkit.queue.push("next", `of attempt ${attempts}`);
      if (attempts === 1) throw new Error("not yet");
    });
    const { handler, calls, payloads } = record();
    works.work("next", handler);
    await client.push("q", 1);
    await calls(1);
    await allSettled(works);
    expect(payloads()).toEqual(["of attempt 2"]);
  });

  it("ends the transaction of a handler that it waits for no longer", async () => {
    const never = gate();
    const later = gate<unknown>();
    workWith(
      async ({ attempts }, { postkit }) => {
        if (attempts > 1) return;
        await never.promise;
        later.open(await postkit.query("select 1").catch((error: unknown) => error));
      },
      { concurrency: 1, timeoutMs: 20, abandonMs: 20 },
    );
    const id = await works.push("q", 1);
    await allSettled(works);
    const { rows } = await db.super.query(
      "select from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    );
    expect(rows).toEqual([]);
    expect(await effectsOf(id)).toEqual(["attempt 2"]);
    never.open();
    expect(await later.promise).toMatchObject({ code: "BIZ_TRANSACTION_CLOSED" });
    expect(await effectsOf(id)).toEqual(["attempt 2"]);
  });

  it("settles as failed, and not as lost, when the handler itself met a stale fence", async () => {
    workWith(async ({ attempts }, { postkit }) => {
      if (attempts === 1) await postkit.queue.ack({ id: "1", fence: "1" });
    });
    const id = await works.push("q", 1);
    await allSettled(works);
    expect(await effectsOf(id)).toEqual(["attempt 2"]);
  });

  it("keeps its jobs while their handlers hold all the connections that they may", async () => {
    const { promise, open } = gate();
    const { handler, calls } = record();
    await using small = openWorks(db, { max: 3 });
    small.work("q", (job) => (void handler(job, {} as never), promise), {
      transactional: true,
      concurrency: 2,
      leaseMs: 1_000,
    });
    await small.queue.pushBatch("q", [1, 2]);
    await calls(2);
    const { rows } = await db.super.query<{ until: Date }>(
      "select max(expires_at) as until from queue.leases where namespace = $1",
      [small.tenant],
    );
    await waitFor(async () => {
      const { rows: now } = await db.super.query(
        `select from queue.leases
         where namespace = $1 and expires_at > $2::timestamptz + interval '1500 milliseconds'`,
        [small.tenant, present(rows[0]).until],
      );
      return now.length === 2;
    });
    open();
    await allSettled(small);
    expect(small.errors).toEqual([]);
  });

  it("takes half of the pool by default, and ten at most", async () => {
    const { promise, open } = gate();
    await using small = openWorks(db, { max: 6 });
    const worker = small.work("q", () => promise, { transactional: true });
    await small.queue.pushBatch(
      "q",
      Array.from({ length: 20 }, () => 1),
    );
    await waitFor(() => worker.load.running === 3);
    const { pending } = await small.queue.getStats();
    expect(pending).toBe("17");
    open();
  });
});

describe("a worker that is not transactional", () => {
  it("settles as failed when the handler's own call met a stale fence", async () => {
    const { handler, calls, jobs } = record(async (_, call) => {
      if (call === 1) await client.ack({ id: "1", fence: "1" });
    });
    works.work("q", handler);
    await client.push("q", 1);
    await calls(2);
    expect(jobs[1]?.error).toContain("queue.FENCE_STALE");
  });
});
