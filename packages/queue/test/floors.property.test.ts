import { queue } from "@postkit/queue";
import {
  createTestDatabase,
  newRunId,
  type PrivateServer,
  startPrivateServer,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { advanceFloors, hiddenJobs } from "./support/floors.ts";
import { held, heldTogether, openSession, type HeldJob, type Session } from "./support/session.ts";

/** Of all connections together. */
const transactions = Number(process.env["POSTKIT_TEST_TRANSACTIONS"] ?? 2000);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

const connections = 8;
const queues = ["a", "b"];

type Step =
  | "push"
  | "pushBatch"
  | "pushKeyed"
  | "pushMixed"
  | "take"
  | "takeBriefly"
  | "skipPositions"
  | "putBack"
  | "savepoint"
  | "undo"
  | "hold";
type End = "commit" | "rollback" | "prepareAndCommit" | "prepareAndRollBack";

interface Transaction {
  readonly isolation: "read committed" | "repeatable read";
  readonly steps: readonly {
    readonly kind: Step;
    readonly queue: string;
    readonly priority: number;
    readonly size: number;
  }[];
  readonly end: End;
}

const anyTransaction: fc.Arbitrary<Transaction> = fc.record({
  isolation: fc.oneof(
    { weight: 3, arbitrary: fc.constant("read committed" as const) },
    { weight: 1, arbitrary: fc.constant("repeatable read" as const) },
  ),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom<Step>(
        "push",
        "push",
        "pushBatch",
        "pushKeyed",
        "pushMixed",
        "take",
        "take",
        "take",
        "takeBriefly",
        "skipPositions",
        "putBack",
        "putBack",
        "savepoint",
        "undo",
        "hold",
      ),
      queue: fc.constantFrom(...queues),
      priority: fc.constantFrom(-1, 0, 1),
      size: fc.integer({ min: 1, max: 8 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  end: fc.constantFrom<End>(
    "commit",
    "commit",
    "commit",
    "commit",
    "rollback",
    "prepareAndCommit",
    "prepareAndRollBack",
  ),
});

let server: PrivateServer;
let db: TestDatabase;

beforeAll(async () => {
  server = await startPrivateServer({
    settings: { max_prepared_transactions: connections, synchronous_commit: "off" },
  });
  db = await createTestDatabase({
    modules: [queue],
    server: { url: server.url, version: server.version, runId: newRunId() },
  });
  // A transaction that has notified somebody cannot be prepared, and no job is to end by itself.
  await db.super.query(
    "update queue.config set notify = 'off', default_max_attempts = 30, backoff_base = '1 millisecond'",
  );
}, 60_000);

afterAll(() => server.stop());

describe("floors", () => {
  it(`hide no job at any moment of ${transactions} transactions on ${connections} connections, seed ${seed}`, async () => {
    const script = fc.sample(anyTransaction, { numRuns: transactions, seed });
    const race: Race = { advanced: 0, looks: 0, isOver: false };
    const adversaries = Array.from({ length: connections }, (_, connection) =>
      runAdversary(race, connection, script),
    );
    const over = Promise.all(adversaries).then(() => {
      race.isOver = true;
    });
    const all = [over, advanceAllTheTime(race), advanceAllTheTime(race), lookAllTheTime(race)];
    // Who fails ends it for all, and is waited for with them.
    const ends = await Promise.allSettled(
      all.map((work) =>
        work.catch((error: unknown) => {
          race.isOver = true;
          throw error;
        }),
      ),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    expect(race.advanced).toBeGreaterThan(0);
    expect(race.looks).toBeGreaterThan(0);
    await drain();
  }, 600_000);
});

interface Race {
  /** How often floors were moved. */
  advanced: number;
  /** How often somebody looked for hidden jobs. */
  looks: number;
  isOver: boolean;
}

/** Carries out the transactions of one connection, one after the other. */
async function runAdversary(
  race: Race,
  connection: number,
  script: readonly Transaction[],
): Promise<void> {
  await using session = await openSession(db.app, "acme");
  for (let index = connection; index < script.length && !race.isOver; index += connections) {
    const transaction = script[index];
    if (transaction) await carryOut(race, session, { ...transaction, name: `t${index}` });
  }
}

async function carryOut(
  race: Race,
  session: Session,
  { isolation, steps, end, name }: Transaction & { name: string },
): Promise<void> {
  await session.query(`begin isolation level ${isolation}; savepoint last`);
  const jobs: HeldJob[] = [];
  try {
    for (const step of steps) await carryOutStep(race, session, { ...step, jobs });
    await finish(race, session, { end, name });
  } catch (error) {
    await session.query("rollback");
    if (!isConflict(error)) throw error;
  }
}

async function carryOutStep(
  race: Race,
  session: Session,
  { kind, queue: name, priority, size, jobs }: Transaction["steps"][number] & { jobs: HeldJob[] },
): Promise<void> {
  const ofQueue = { p_namespace: "acme", p_queue: name };
  switch (kind) {
    case "push":
      await session.push(name, { p_priority: priority });
      return;
    case "pushBatch": {
      const payloads = Array.from({ length: size }, () => "{}");
      await session.call("push_batch", { ...ofQueue, p_payloads: payloads, p_priority: priority });
      return;
    }
    case "pushKeyed": {
      const keyed = Array.from({ length: size }, (_, index) => ({
        queue: name,
        payload: {},
        priority,
        ...(index % 2 === 0 && { unique_key: `${size * 7 + index}` }),
        ...(index === 3 && { delay: "5 milliseconds" }),
      }));
      await session.call("push_many", { p_namespace: "acme", p_jobs: JSON.stringify(keyed) });
      return;
    }
    case "pushMixed": {
      const mixed = Array.from({ length: size }, (_, index) => ({
        queue: queues[index % queues.length],
        payload: {},
        priority,
        ...(index % 3 === 1 && { delay: "5 milliseconds" }),
      }));
      await session.call("push_many", { p_namespace: "acme", p_jobs: JSON.stringify(mixed) });
      return;
    }
    case "take":
      jobs.push(...(await session.rows<HeldJob>("pull_batch", { ...ofQueue, p_limit: size })));
      return;
    case "takeBriefly":
      await session.rows("pull_batch", {
        ...ofQueue,
        p_limit: size,
        p_visibility_timeout: "1 millisecond",
      });
      return;
    case "skipPositions":
      await session.query("select nextval('queue.job_id_seq') from generate_series(1, $1)", [
        size * 5,
      ]);
      return;
    case "putBack":
      await putBack(session, jobs.splice(0));
      return;
    case "savepoint":
      await session.query("savepoint last");
      jobs.length = 0;
      return;
    case "undo":
      await session.query("rollback to last");
      jobs.length = 0;
      return;
    case "hold":
      await letFloorsMove(race, size);
  }
}

/** Some of each: done, released, to be tried again soon. */
async function putBack(session: Session, jobs: readonly HeldJob[]): Promise<void> {
  const done = jobs.filter((_, index) => index % 3 === 0);
  if (done.length > 0) await session.call("ack_batch", heldTogether(done));
  for (const [index, job] of jobs.entries()) {
    if (index % 3 === 1) await session.call("release", { ...held(job), p_count_attempt: false });
    if (index % 3 === 2) await session.call("nack", { ...held(job), p_backoff: "2 milliseconds" });
  }
}

async function finish(
  race: Race,
  session: Session,
  { end, name }: { end: End; name: string },
): Promise<void> {
  if (end === "commit" || end === "rollback") {
    await session.query(end);
    return;
  }
  await session.query(`prepare transaction '${name}'`);
  await letFloorsMove(race, 3);
  await session.query(`${end === "prepareAndCommit" ? "commit" : "rollback"} prepared '${name}'`);
}

/** Waits until floors have moved some times. */
async function letFloorsMove(race: Race, times: number): Promise<void> {
  const until = race.advanced + times;
  await waitFor(() => race.isOver || race.advanced >= until, { what: "floors to move" });
}

function isConflict(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "40001" || error.code === "40P01")
  );
}

/** Moves floors as often as it can, at times in a transaction that cannot see all jobs. */
async function advanceAllTheTime(race: Race): Promise<void> {
  await using owner = await openSession(db.owner);
  await owner.query("set postkit.maintenance = 'on'");
  for (let round = 0; !race.isOver; round++) {
    const isolation = round % 8 === 7 ? "repeatable read" : "read committed";
    try {
      await owner.query(`begin isolation level ${isolation}`);
      const [maintenance] = await owner.rows<{ is_leader: boolean }>("maintain");
      if (maintenance?.is_leader) {
        await owner.query(advanceFloors);
        race.advanced += 1;
      }
      await owner.query("commit");
    } catch (error) {
      await owner.query("rollback");
      if (!isConflict(error)) throw error;
    }
  }
}

/** Looks for hidden jobs as often as it can. */
async function lookAllTheTime(race: Race): Promise<void> {
  await using superuser = await openSession(db.super);
  while (!race.isOver) {
    expect(await hiddenJobs(superuser.client)).toEqual([]);
    race.looks += 1;
  }
}

/** Takes every job that is left by pulls, wherever it is. */
async function drain(): Promise<void> {
  expect(await hiddenJobs(db.super)).toEqual([]);
  await using owner = await openSession(db.owner);
  await using app = await openSession(db.app, "acme");
  await owner.query("set postkit.maintenance = 'on'");
  await db.super.query(
    "update queue.leases set expires_at = clock_timestamp() - interval '1 second'; update queue.deferred set run_at = now()",
  );
  await waitFor(async () => {
    await owner.rows("tick_timeouts", { p_limit: 1000 });
    for (const name of queues) {
      const ofQueue = { p_namespace: "acme", p_queue: name };
      const jobs = await app.rows<HeldJob>("pull_batch", { ...ofQueue, p_limit: 1000 });
      if (jobs.length > 0) await app.call("ack_batch", heldTogether(jobs));
    }
    const { rows } = await db.super.query<{ isEmpty: boolean }>(
      `select (select count(*) from queue.ready) + (select count(*) from queue.deferred)
         + (select count(*) from queue.leases) = 0 as "isEmpty"`,
    );
    return rows[0]?.isEmpty === true;
  });
}
