import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { isLive, Model, type Command, type NewJob, type SettleOutcome } from "./support/model.ts";
import {
  openSession,
  refusalOf,
  type HeldJob,
  type NamedArguments,
  type Session,
} from "./support/session.ts";

const histories = Number(process.env["POSTKIT_TEST_HISTORIES"] ?? 400);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

const archivedQueue = "kept";
const queues = ["a", "b", archivedQueue];

let db: TestDatabase;
let app: Session;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  app = await openSession(db.app, "nobody");
});

afterAll(() => db.drop());

describe("calls one after the other", () => {
  it(`say and do what the specification says in ${histories} random histories, seed ${seed}`, async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 10, maxLength: 40, size: "max" }),
        async (commands) => {
          runs += 1;
          const tenant = `tenant ${runs}`;
          await app.useTenant(tenant);
          const play = new Play(app, tenant);
          await play.call("set_config", {
            p_queue: archivedQueue,
            p_settings: '{"archive_completed": true}',
          });
          for (const one of commands) {
            const { said, expected } = await play.perform(one);
            expect({ command: one, said }).toEqual({ command: one, said: expected });
          }
          expect(await play.stored()).toEqual(play.modelled());
        },
      ),
      { numRuns: histories, seed },
    );
  }, 300_000);
});

const name = fc.constantFrom("a", "a", ...queues);
const someNames = fc.shuffledSubarray(queues, { minLength: 1 });
const hours = fc.constantFrom(1, 2, 5);
const limit = fc.integer({ min: 1, max: 4 });
/** Counted from the last one, and around; most often it is one of the last. */
const recent = fc.oneof(fc.nat({ max: 2 }), fc.nat({ max: 9 }));
const someRecent = fc.uniqueArray(recent, { maxLength: 4 });
const backoffHours = fc.constantFrom(null, -1, 0, 1, 2);
const outcome = fc.constantFrom<Exclude<SettleOutcome, "cancel">>(
  "ack",
  "nack",
  "nack",
  "fail",
  "release",
  "release",
  "release_uncounted",
);
const outcomes = fc.array(fc.oneof(outcome, fc.constant("cancel" as const)), {
  minLength: 4,
  maxLength: 4,
});
const newJob: fc.Arbitrary<NewJob> = fc.record({
  queue: name,
  delayHours: fc.constantFrom(0, 0, 0, -1, 1, 2),
  priority: fc.constantFrom(0, 0, 1),
  maxAttempts: fc.constantFrom(1, 2, 3),
  key: fc.constantFrom(null, null, "k", "l"),
});

function of<T extends Command["call"]>(
  call: T,
  args: { [K in keyof Omit<Extract<Command, { call: T }>, "call">]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Command> {
  return fc.record({ call: fc.constant(call), ...args }) as unknown as fc.Arbitrary<Command>;
}

const command = fc.oneof(
  { weight: 4, arbitrary: of("push", { job: newJob }) },
  { weight: 2, arbitrary: of("push_many", { jobs: fc.array(newJob, { maxLength: 4 }) }) },
  {
    weight: 1,
    arbitrary: of("push_batch", {
      queue: name,
      count: fc.nat({ max: 4 }),
      priority: fc.constantFrom(0, 1),
    }),
  },
  { weight: 3, arbitrary: of("pull", { queue: name, hours }) },
  { weight: 3, arbitrary: of("pull_batch", { queue: name, limit, hours }) },
  { weight: 2, arbitrary: of("pull_any", { queues: someNames, hours }) },
  { weight: 6, arbitrary: of("settle", { pull: recent, outcome, backoffHours }) },
  { weight: 1, arbitrary: of("ack_batch", { pulls: someRecent }) },
  { weight: 3, arbitrary: of("settle_batch", { pulls: someRecent, outcomes, backoffHours }) },
  {
    weight: 3,
    arbitrary: of("settle_and_pull", {
      pulls: someRecent,
      queues: someNames,
      limit: fc.nat({ max: 4 }),
      hours,
    }),
  },
  { weight: 1, arbitrary: of("extend_visibility", { pull: recent, hours }) },
  { weight: 1, arbitrary: of("heartbeat_batch", { pulls: someRecent, hours }) },
  { weight: 2, arbitrary: of("tick_timeouts", {}) },
  { weight: 3, arbitrary: of("elapse", { hours }) },
  { weight: 1, arbitrary: of("cancel", { job: recent }) },
  { weight: 1, arbitrary: of("request_cancel", { job: recent }) },
  { weight: 1, arbitrary: of("purge_queue", { queue: name }) },
  { weight: 1, arbitrary: of("pause_queue", { queue: name }) },
  { weight: 2, arbitrary: of("resume_queue", { queue: name }) },
  { weight: 1, arbitrary: of("retry_dead_letter", { letter: recent }) },
  { weight: 1, arbitrary: of("retry_dead_letters", { queue: name, limit }) },
);

interface Outcome {
  readonly said: unknown;
  readonly expected: unknown;
}

const nothing: Outcome = { said: null, expected: null };

/** Does the same to a database and to the model. */
class Play {
  readonly #app: Session;
  readonly #tenant: string;
  readonly #model = new Model([archivedQueue]);
  readonly #fences: string[] = [];
  /** Of the letters of the model. */
  readonly #letterIds = new Map<string, string>();

  constructor(app: Session, tenant: string) {
    this.#app = app;
    this.#tenant = tenant;
  }

  call<T>(called: string, args: NamedArguments = {}): Promise<T> {
    return this.#app.call<T>(called, { p_namespace: this.#tenant, ...args });
  }

  #rows<T>(called: string, args: NamedArguments = {}): Promise<T[]> {
    return this.#app.rows<T>(called, { p_namespace: this.#tenant, ...args });
  }

  async perform(one: Command): Promise<Outcome> {
    const model = this.#model;
    switch (one.call) {
      case "push":
        return this.#push(one.job);
      case "push_many":
        return this.#pushMany(one.jobs);
      case "push_batch":
        return this.#pushBatch(one);
      case "pull":
        return this.#pull(one.call, { p_queue: one.queue }, [[one.queue], 1, one.hours]);
      case "pull_batch":
        return this.#pull(one.call, { p_queue: one.queue, p_limit: one.limit }, [
          [one.queue],
          one.limit,
          one.hours,
        ]);
      case "pull_any":
        return this.#pull(one.call, { p_queues: one.queues }, [one.queues, 1, one.hours]);
      case "settle":
        return this.#settle(one);
      case "ack_batch":
        return this.#ackBatch(this.#held(one.pulls));
      case "settle_batch":
        return this.#settleBatch(this.#held(one.pulls), one);
      case "settle_and_pull":
        return this.#settleAndPull(this.#held(one.pulls), one);
      case "extend_visibility":
        return this.#extend(one);
      case "heartbeat_batch": {
        const pulls = this.#held(one.pulls);
        const said = await this.#statuses(one.call, pulls, { p_timeout: `${one.hours} hours` });
        return { said, expected: model.heartbeat(pulls, one.hours) };
      }
      case "tick_timeouts": {
        const rows = await this.#rows<{ job_id: string }>(one.call);
        return { said: rows.map(({ job_id: id }) => id), expected: model.tick() };
      }
      case "elapse":
        await this.#elapse(one.hours);
        model.elapse(one.hours);
        return nothing;
      case "cancel":
      case "request_cancel": {
        const job = model.jobs.at(-1 - (one.job % model.jobs.length));
        if (job === undefined) return nothing;
        const said = await this.call(one.call, { p_job_id: job.id });
        const expected = one.call === "cancel" ? model.cancel(job) : model.requestCancel(job);
        return { said, expected };
      }
      case "purge_queue":
        return this.#ofQueue(one.call, one.queue, (lane) => model.purge(lane));
      case "pause_queue":
        return this.#ofQueue(one.call, one.queue, (lane) => model.pause(lane));
      case "resume_queue":
        return this.#ofQueue(one.call, one.queue, (lane) => model.resume(lane));
      case "retry_dead_letter":
        return this.#retry(one.letter % model.letters.length);
      case "retry_dead_letters":
        return this.#retryMany(one);
    }
  }

  async #push(job: NewJob): Promise<Outcome> {
    const { queue: p_queue, ...rest } = described(job);
    const id = await this.call<string | null>("push", {
      p_queue,
      p_payload: "{}",
      p_delay: rest.delay,
      p_priority: rest.priority,
      p_max_attempts: rest.max_attempts,
      p_unique_key: rest.unique_key,
    });
    return this.#pushed([job], [id]);
  }

  async #pushMany(jobs: readonly NewJob[]): Promise<Outcome> {
    const ids = await this.call<(string | null)[]>("push_many", {
      p_jobs: JSON.stringify(jobs.map(described)),
    });
    return this.#pushed(jobs, ids);
  }

  async #pushBatch(one: Extract<Command, { call: "push_batch" }>): Promise<Outcome> {
    const ids = await this.call<string[]>("push_batch", {
      p_queue: one.queue,
      p_payloads: Array.from({ length: one.count }, () => "{}"),
      p_priority: one.priority,
    });
    const job = {
      queue: one.queue,
      delayHours: 0,
      priority: one.priority,
      maxAttempts: 3,
      key: null,
    };
    return this.#pushed(
      Array.from({ length: one.count }, () => job),
      ids,
    );
  }

  /** Ids are what they are, but rise in the order in which the jobs were taken in. */
  #pushed(jobs: readonly NewJob[], ids: readonly (string | null)[]): Outcome {
    const model = this.#model;
    const admitted = model.admit(jobs);
    const known = Math.max(0, ...model.jobs.map(({ id }) => Number(id)));
    const drawn = admitted.map((index) => Number(ids[index]));
    const rising = [...drawn].sort((left, right) => left - right);
    model.push(
      admitted.map((index) => String(ids[index])),
      admitted.map((index) => jobs[index] as NewJob),
    );
    return {
      said: { taken: ids.map((id) => id !== null), drawn, isNew: (rising[0] ?? Infinity) > known },
      expected: {
        taken: jobs.map((_, index) => admitted.includes(index)),
        drawn: rising,
        isNew: true,
      },
    };
  }

  async #pull(
    called: string,
    args: NamedArguments,
    [names, most, held]: [readonly string[], number, number],
  ): Promise<Outcome> {
    const jobs = await this.#rows<HeldJob>(called, {
      ...args,
      p_visibility_timeout: `${held} hours`,
    });
    return this.#pulled(jobs, this.#model.pull(names, most, held));
  }

  #pulled(jobs: readonly HeldJob[], expected: unknown[]): Outcome {
    const fences = jobs.map(({ fence_token: fence }) => Number(fence));
    const last = Number(this.#fences.at(-1) ?? 0);
    const areRising = fences.every((fence, index) => fence > (fences[index - 1] ?? last));
    this.#fences.push(...jobs.map(({ fence_token: fence }) => fence));
    const seen = jobs.map((job) => ({
      id: job.id,
      queue: job.queue,
      attempts: job.attempts,
      // JSON leaves it out.
      error: job.error ?? null,
    }));
    return { said: [...seen, areRising], expected: [...expected, true] };
  }

  async #settle(one: Extract<Command, { call: "settle" }>): Promise<Outcome> {
    const [pull] = this.#held([one.pull]);
    if (pull === undefined) return nothing;
    const args = {
      nack: { p_error: "no", p_backoff: interval(one.backoffHours) },
      fail: { p_error: "no" },
      release: {},
      release_uncounted: { p_count_attempt: false },
      ack: {},
    }[one.outcome];
    const called = one.outcome === "release_uncounted" ? "release" : one.outcome;
    const said = await this.#orStale(
      this.call<boolean>(called, { ...this.#one(pull), ...args }).then((isOk) =>
        isOk ? "ok" : "dead",
      ),
    );
    return { said, expected: this.#model.settle(pull, one.outcome, one.backoffHours) };
  }

  async #ackBatch(pulls: readonly number[]): Promise<Outcome> {
    const said = await this.#orStale(this.call("ack_batch", this.#many(pulls)));
    const model = this.#model;
    if (!pulls.every((pull) => model.isHeld(pull))) return { said, expected: "stale" };
    for (const pull of pulls) model.settle(pull, "ack", null);
    return { said, expected: pulls.length };
  }

  async #settleBatch(
    pulls: readonly number[],
    one: Extract<Command, { call: "settle_batch" }>,
  ): Promise<Outcome> {
    const said = await this.#statuses("settle_batch", pulls, {
      p_outcomes: pulls.map((_, index) => one.outcomes[index]),
      p_errors: pulls.map(() => "no"),
      p_delays: pulls.map(() => interval(one.backoffHours)),
    });
    const settled = new Map(
      pulls
        .map((pull, index) => ({ pull, index, id: Number(this.#model.pulls[pull]?.id) }))
        .sort((left, right) => left.id - right.id)
        .map(({ pull, index }) => {
          const how = one.outcomes[index] as SettleOutcome;
          return [pull, this.#model.settle(pull, how, one.backoffHours)];
        }),
    );
    return { said, expected: pulls.map((pull) => settled.get(pull)) };
  }

  async #settleAndPull(
    pulls: readonly number[],
    one: Extract<Command, { call: "settle_and_pull" }>,
  ): Promise<Outcome> {
    const model = this.#model;
    const answer = await this.call<{ jobs: HeldJob[]; stale: string[]; due_in_ms: number | null }>(
      "settle_and_pull",
      {
        p_queues: one.queues,
        p_limit: one.limit,
        p_visibility_timeout: `${one.hours} hours`,
        ...this.#many(pulls),
      },
    );
    const stale = pulls.filter((pull) => model.settle(pull, "ack", null) === "stale");
    const pulled = this.#pulled(answer.jobs, model.pull(one.queues, one.limit, one.hours));
    const isEnough = answer.jobs.length === one.limit;
    return {
      said: [pulled.said, answer.stale, answer.due_in_ms !== null],
      expected: [
        pulled.expected,
        stale.map((pull) => model.pulls[pull]?.id),
        !isEnough && model.hasDeferred(one.queues),
      ],
    };
  }

  async #extend(one: Extract<Command, { call: "extend_visibility" }>): Promise<Outcome> {
    const [pull] = this.#held([one.pull]);
    if (pull === undefined) return nothing;
    const said = await this.#orStale(
      this.call(one.call, { ...this.#one(pull), p_extension: `${one.hours} hours` }),
    );
    if (!this.#model.isHeld(pull)) return { said, expected: "stale" };
    this.#model.extend(pull, one.hours);
    return { said, expected: true };
  }

  async #retry(letter: number): Promise<Outcome> {
    const found = this.#model.letters[letter];
    if (found === undefined) return nothing;
    await this.#readLetters();
    const retrying = this.call<string>("retry_dead_letter", {
      p_dead_letter_id: this.#letterIds.get(found.job.id),
    });
    if (found.isRetried) {
      const { code } = await refusalOf(retrying);
      return { said: code, expected: "BIZ_DEAD_LETTER_ALREADY_RETRIED" };
    }
    this.#model.retry(letter, await retrying);
    return nothing;
  }

  async #retryMany(one: Extract<Command, { call: "retry_dead_letters" }>): Promise<Outcome> {
    await this.#readLetters();
    const rows = await this.#rows<{ dead_letter_id: string; job_id: string }>(one.call, {
      p_queue: one.queue,
      p_limit: one.limit,
    });
    const next = this.#model.nextRetries(one.queue, one.limit);
    const expected = next.map((letter) =>
      this.#letterIds.get(this.#model.letters[letter]?.job.id ?? "none"),
    );
    for (const [index, letter] of next.entries()) {
      this.#model.retry(letter, rows[index]?.job_id ?? "none");
    }
    return { said: rows.map(({ dead_letter_id: id }) => id), expected };
  }

  async #readLetters(): Promise<void> {
    const letters = await this.#rows<{ id: string; original_job_id: string }>("list_dead_letters", {
      p_with_retried: true,
      p_limit: 1000,
    });
    for (const { id, original_job_id: job } of letters) this.#letterIds.set(job, id);
  }

  async #ofQueue(
    called: string,
    lane: string,
    expect: (lane: string) => unknown,
  ): Promise<Outcome> {
    return { said: await this.call(called, { p_queue: lane }), expected: expect(lane) };
  }

  /** Moves all that is stored into the past. */
  async #elapse(passed: number): Promise<void> {
    for (const statement of [
      "update queue.ready set created_at = created_at - $2::interval, scheduled_at = scheduled_at - $2::interval",
      "update queue.deferred set created_at = created_at - $2::interval, run_at = run_at - $2::interval",
      `update queue.leases set created_at = created_at - $2::interval, scheduled_at = scheduled_at - $2::interval,
         locked_at = locked_at - $2::interval, expires_at = expires_at - $2::interval`,
      "update queue.dead_letters set failed_at = failed_at - $2::interval",
    ]) {
      await db.super.query(`${statement} where namespace = $1`, [this.#tenant, `${passed} hours`]);
    }
  }

  /** Numbers of pulls, of different jobs. */
  #held(recents: readonly number[]): number[] {
    const { pulls } = this.#model;
    if (pulls.length === 0) return [];
    const found = recents.map((back) => pulls.length - 1 - (back % pulls.length));
    return found.filter(
      (pull, index) => found.findIndex((one) => pulls[one] === pulls[pull]) === index,
    );
  }

  #one(pull: number): NamedArguments {
    return { p_job_id: this.#model.pulls[pull]?.id, p_fence: this.#fences[pull] };
  }

  #many(pulls: readonly number[]): NamedArguments {
    return {
      p_job_ids: pulls.map((pull) => this.#model.pulls[pull]?.id),
      p_fences: pulls.map((pull) => this.#fences[pull]),
    };
  }

  /** The status of each of the jobs, in their order. */
  async #statuses(
    called: string,
    pulls: readonly number[],
    args: NamedArguments,
  ): Promise<(string | undefined)[]> {
    const rows = await this.#rows<{ job_id: string; status: string }>(called, {
      ...this.#many(pulls),
      ...args,
    });
    return pulls.map(
      (pull) => rows.find(({ job_id: id }) => id === this.#model.pulls[pull]?.id)?.status,
    );
  }

  async #orStale<T>(working: Promise<T>): Promise<T | "stale"> {
    try {
      return await working;
    } catch (error) {
      const { code } = await refusalOf(Promise.reject(error));
      if (code !== "FENCE_STALE") throw error;
      return "stale";
    }
  }

  async stored(): Promise<unknown> {
    const { rows: jobs } = await this.#app.query(
      "select id, queue, priority, status, attempts, max_attempts, error, unique_key from queue.jobs order by id",
    );
    const { rows: keys } = await this.#app.query(
      "select job_id as id from queue.unique_keys order by job_id",
    );
    const { rows: letters } = await this.#app.query(
      `select original_job_id as id, last_error as error, retried_at is not null as is_retried
       from queue.dead_letters order by original_job_id`,
    );
    return { jobs, keys, letters };
  }

  modelled(): unknown {
    const byId = <T extends { id: string }>(rows: T[]) =>
      rows.sort((left, right) => Number(left.id) - Number(right.id));
    const { jobs, letters } = this.#model;
    return {
      jobs: byId(
        jobs
          .filter(({ status }) => status !== "gone")
          .map((job) => ({
            id: job.id,
            queue: job.queue,
            priority: job.priority,
            status: job.status,
            attempts: job.attempts,
            max_attempts: job.maxAttempts,
            error: job.error,
            unique_key: job.key,
          })),
      ),
      keys: byId(jobs.filter((job) => isLive(job) && job.key !== null).map(({ id }) => ({ id }))),
      letters: byId(
        letters.map(({ job, isRetried }) => ({
          id: job.id,
          error: job.error,
          is_retried: isRetried,
        })),
      ),
    };
  }
}

function interval(count: number | null): string | null {
  return count === null ? null : `${count} hours`;
}

/** As `push_many` takes it. */
function described(job: NewJob) {
  return {
    queue: job.queue,
    payload: {},
    delay: interval(job.delayHours),
    priority: job.priority,
    max_attempts: job.maxAttempts,
    unique_key: job.key,
  };
}
