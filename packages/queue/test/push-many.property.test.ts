import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openSession, refusalOf, type Refusal, type Session } from "./support/session.ts";

const lists = Number(process.env["POSTKIT_TEST_LISTS"] ?? 100);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

const tenant = "acme";
const queues = ["a", "b", "mail out", "ünï"];
/** Of each queue; a job that waits has the first one. */
const keys = ["taken", "k", "l", "m", "é"];

/** As `push_many` takes it. */
interface NewJob {
  readonly queue: string | null;
  readonly payload?: unknown;
  readonly delay?: string;
  readonly run_at?: string;
  readonly priority?: number;
  readonly max_attempts?: number;
  readonly unique_key?: string;
  readonly tags?: readonly (string | null)[];
  readonly metadata?: unknown;
}

let db: TestDatabase;
let app: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  app = await openSession(db.app, tenant);
  for (const name of queues) await app.push(name, { p_unique_key: keys[0] });
  await app.call("set_config", {
    p_namespace: tenant,
    p_queue: "b",
    p_settings: '{"default_max_attempts": 9}',
  });
});

afterAll(() => db.drop());

const priority = fc.constantFrom(-1000, -1, 0, 0, 1, 1000);
const job = fc
  .record(
    {
      queue: fc.constantFrom(...queues),
      payload: fc.oneof(fc.constant(null), fc.jsonValue({ maxDepth: 2 })),
      delay: fc.constantFrom("1 hour", "0", "-1 minute", "1000 years", "1 month -30 days"),
      run_at: fc.constantFrom("2001-01-01T00:00:00Z", "2999-12-31T23:59:59.999999Z"),
      priority,
      max_attempts: fc.integer({ min: 1, max: 30 }),
      unique_key: fc.constantFrom(...keys),
      tags: fc.array(fc.constantFrom("x", "y", null), { maxLength: 3 }),
      metadata: fc.constantFrom(0, [], { m: null }),
    },
    { requiredKeys: ["queue", "payload"] },
  )
  .map(({ delay, ...rest }): NewJob => ({
    ...rest,
    ...(delay !== undefined && rest.run_at === undefined && { delay }),
  }));

/** What no job may have; undefined for what it may not lack. */
const fault = fc.constantFrom<Partial<Record<keyof NewJob, unknown>>>(
  { queue: null },
  { queue: " a" },
  { queue: "\u2028" },
  { queue: "ü".repeat(257) },
  { payload: undefined },
  { priority: 1001 },
  { max_attempts: 0 },
  { unique_key: "k".repeat(2500) },
  { delay: "1001 years", run_at: undefined },
  { delay: "1 hour", run_at: "2999-12-31T00:00:00Z" },
  { run_at: "infinity", delay: undefined },
);
const list = fc.array(job, { maxLength: 40 });
const faultyList = fc
  .tuple(
    fc.array(job, { minLength: 1, maxLength: 10 }),
    fc.array(fc.tuple(fc.nat(), fault), { minLength: 1, maxLength: 3 }),
  )
  .map(([jobs, faults]) => {
    for (const [at, wrong] of faults) {
      const index = at % jobs.length;
      jobs[index] = { ...jobs[index], ...wrong } as NewJob;
    }
    return jobs;
  });

const pushMany = (jobs: readonly NewJob[]) =>
  app.call<(string | null)[]>("push_many", {
    p_namespace: tenant,
    p_jobs: JSON.stringify(jobs),
  });

async function pushEach(jobs: readonly NewJob[]): Promise<(string | null)[]> {
  const ids: (string | null)[] = [];
  for (const { payload, metadata, ...one } of jobs) {
    ids.push(
      await app.call<string | null>("push", {
        p_namespace: tenant,
        p_queue: one.queue,
        p_payload: payload === undefined ? null : JSON.stringify(payload),
        p_delay: one.delay,
        p_priority: one.priority,
        p_max_attempts: one.max_attempts,
        p_unique_key: one.unique_key,
        p_tags: one.tags,
        p_metadata: metadata === undefined ? null : JSON.stringify(metadata),
        p_run_at: one.run_at,
      }),
    );
  }
  return ids;
}

/** What is different each time: ids are told as indices. */
interface Pushed {
  readonly isPushed: readonly boolean[];
  /** Whether jobs of higher index have higher ids. */
  readonly isInOrder: boolean;
  readonly stored: readonly unknown[];
  readonly keys: readonly unknown[];
  /** By queue, in the order in which they are taken. */
  readonly taken: readonly (readonly number[])[];
}

/** Pushes in the transaction that is open, and undoes it. */
async function outcomeOf(push: () => Promise<(string | null)[]>): Promise<Pushed | Refusal> {
  await app.query("savepoint before");
  let ids: (string | null)[];
  try {
    ids = await push();
  } catch (error) {
    await app.query("rollback to before");
    return refusalOf(Promise.reject(error));
  }
  const pushed = ids.filter((id) => id !== null);
  const outcome = {
    isPushed: ids.map((id) => id !== null),
    isInOrder: pushed.every((id, at) => at === 0 || BigInt(id) > BigInt(pushed[at - 1] ?? id)),
    ...(await storedOf(ids)),
    taken: await takenOf(ids),
  };
  await app.query("rollback to before");
  return outcome;
}

async function storedOf(ids: readonly (string | null)[]): Promise<Pick<Pushed, "stored" | "keys">> {
  const { rows: stored } = await app.query<object>(
    `select array_position($1::bigint[], r.id) as index, r.queue, -r.rank as priority, r.attempts, r.max_attempts,
       r.payload, r.unique_key, r.tags, r.metadata, r.error, r.actor_id, r.request_id, r.on_behalf_of, r.reason,
       r.scheduled_at, null as run_at, r.created_at, r.updated_at
     from queue.ready r
     union all
     select array_position($1::bigint[], d.id), d.queue, d.priority, d.attempts, d.max_attempts,
       d.payload, d.unique_key, d.tags, d.metadata, d.error, d.actor_id, d.request_id, d.on_behalf_of, d.reason,
       null, d.run_at::text, d.created_at, d.updated_at
     from queue.deferred d
     order by index, queue`,
    [ids],
  );
  const { rows: held } = await app.query<object>(
    "select k.queue, k.key, array_position($1::bigint[], k.job_id) as index from queue.unique_keys k order by 1, 2",
    [ids],
  );
  return { stored, keys: held };
}

async function takenOf(ids: readonly (string | null)[]): Promise<number[][]> {
  const taken: number[][] = [];
  for (const name of queues) {
    const jobs = await app.rows<{ id: string }>("pull_batch", {
      p_namespace: tenant,
      p_queue: name,
      p_limit: 1000,
    });
    taken.push(jobs.map(({ id }) => ids.indexOf(id)));
  }
  return taken;
}

/** Both in one transaction, so that they begin with the same at the same time. */
async function bothWays(jobs: readonly NewJob[]) {
  await app.query("begin");
  await app.call("set_actor", {
    p_actor_id: "user:1",
    p_request_id: "r",
    p_on_behalf_of: "user:2",
    p_reason: "why",
  });
  const many = await outcomeOf(() => pushMany(jobs));
  const each = await outcomeOf(() => pushEach(jobs));
  await app.query("rollback");
  return { many, each };
}

describe("push_many", () => {
  it(`does what a push of each job would do, with ${lists} lists, seed ${seed}`, async () => {
    await fc.assert(
      fc.asyncProperty(list, async (jobs) => {
        const { many, each } = await bothWays(jobs);
        expect(many).toEqual(each);
        expect(many).toMatchObject({ isInOrder: true });
      }),
      { numRuns: lists, seed },
    );
  }, 300_000);

  it(`does so with 1,000 jobs, seed ${seed}`, async () => {
    const all = fc.array(job, { minLength: 1000, maxLength: 1000, size: "max" });
    const [jobs = []] = fc.sample(all, { numRuns: 1, seed });
    // Keys that nobody has, too: else nearly all jobs with a key would find it taken.
    const mixed = jobs.map((one, index) =>
      index % 3 === 0 ? { ...one, unique_key: `${(index * 7919) % 1000}` } : one,
    );
    const { many, each } = await bothWays(mixed);
    expect(many).toEqual(each);
    expect(many).toMatchObject({ isInOrder: true });
  }, 120_000);

  it(`refuses what a push of each job would refuse first, with ${lists} lists, seed ${seed}`, async () => {
    await fc.assert(
      fc.asyncProperty(faultyList, async (jobs) => {
        const { many, each } = await bothWays(jobs);
        expect(many).toEqual(each);
        expect(many).toHaveProperty("code", expect.stringMatching(/^VAL_/));
      }),
      { numRuns: lists, seed },
    );
  }, 300_000);
});
