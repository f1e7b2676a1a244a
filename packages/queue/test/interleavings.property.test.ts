import { queue } from "@postkit/queue";
import { barrier, createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  Ledger,
  type Claim,
  type Fact,
  type Holding,
  type Outcome,
  type Stored,
} from "./support/ledger.ts";
import { seededRandom, type Random } from "./support/random.ts";
import {
  callStatement,
  openSession,
  refusalOf,
  type HeldJob,
  type NamedArguments,
  type Session,
} from "./support/session.ts";

const interleavings = Number(process.env["POSTKIT_TEST_INTERLEAVINGS"] ?? 2000);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

const connections = 8;
/** So many interleavings are of the same jobs; then new tenants begin. */
const interleavingsPerEpoch = 40;
const stepsPerInterleaving = 2;

const archivedQueue = "kept";
const queues = ["a", "b", archivedQueue];

let db: TestDatabase;
let sessions: Session[];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  sessions = await Promise.all(
    Array.from({ length: connections }, () => openSession(db.app, "nobody")),
  );
});

afterAll(() => db.drop());

describe("jobs", () => {
  it(`are neither lost nor held twice in ${interleavings} random interleavings, seed ${seed}`, async () => {
    let done = 0;
    for (let epoch = 0; done < interleavings; epoch += 1) {
      const random = seededRandom(seed + epoch);
      const namespaces = [`one ${epoch}`, `two ${epoch}`];
      const ledger = new Ledger([archivedQueue]);
      const actors = await Promise.all(
        sessions.map(async (session, index) => {
          const isOfSecond = index % 4 === 3;
          const [own, foreign] = isOfSecond ? namespaces.toReversed() : namespaces;
          await session.useTenant(own as string);
          return new Actor(session, own as string, foreign as string, {
            ledger,
            random: seededRandom(random.below(2 ** 31)),
          });
        }),
      );
      for (const actor of actors) await actor.keepCompleted();
      for (let round = 0; round < interleavingsPerEpoch && done < interleavings; round += 1) {
        const start = barrier(connections);
        await Promise.all(
          actors.map(async (actor) => {
            await start.arrive();
            for (let step = 0; step < stepsPerInterleaving; step += 1) await actor.step();
          }),
        );
        done += 1;
        const complaints = ledger.complaints(await storedOf(namespaces));
        expect({ epoch, round, complaints }).toEqual({ epoch, round, complaints: [] });
      }
    }
  }, 600_000);
});

/** All that is stored of two tenants, as nobody but a superuser sees it. */
async function storedOf(namespaces: readonly string[]): Promise<Stored> {
  const { rows } = await db.super.query<{ stored: Stored }>(
    `with jobs as (
       select r.namespace, r.queue, r.id::text, 'ready' as place, r.attempts, r.max_attempts, null as fence, r.unique_key
       from queue.ready r where r.namespace = any ($1)
       union all
       select d.namespace, d.queue, d.id::text, 'deferred', d.attempts, d.max_attempts, null, d.unique_key
       from queue.deferred d where d.namespace = any ($1)
       union all
       select l.namespace, l.queue, l.id::text, 'leases', l.attempts, l.max_attempts, l.fence::text, l.unique_key
       from queue.leases l where l.namespace = any ($1)
       union all
       select a.namespace, a.queue, a.id::text, a.status, a.attempts, a.max_attempts, null, a.unique_key
       from queue.archive a where a.namespace = any ($1)
     ),
     letters as (
       select d.namespace, d.id::text, d.original_job_id::text, d.retry_job_id::text
       from queue.dead_letters d where d.namespace = any ($1)
     ),
     keys as (
       select k.namespace, k.queue, k.key, k.job_id::text from queue.unique_keys k where k.namespace = any ($1)
     )
     select json_build_object(
       'jobs', (select coalesce(json_agg(j), '[]') from jobs j),
       'letters', (select coalesce(json_agg(l), '[]') from letters l),
       'keys', (select coalesce(json_agg(k), '[]') from keys k)
     ) as stored`,
    [namespaces],
  );
  return rows[0]?.stored ?? { jobs: [], letters: [], keys: [] };
}

type Operation = (actor: Actor) => Promise<Fact[]>;

/** What may wait for others comes first in a transaction: so no deadlock is anybody's own fault. */
const operations: readonly [number, Operation][] = [
  [8, (actor) => actor.push(true)],
  [3, (actor) => actor.pushMany()],
  [6, (actor) => actor.settle(actor.someHolding())],
  [3, (actor) => actor.ackBatch(actor.someHoldings())],
  [4, (actor) => actor.settleBatch(actor.someHoldings())],
  [4, (actor) => actor.settleAndPull(actor.someHoldings())],
  [2, (actor) => actor.extend()],
  [4, (actor) => actor.heartbeat()],
  [2, (actor) => actor.cancel()],
  [2, (actor) => actor.requestCancel()],
  [1, (actor) => actor.purge()],
  [1, (actor) => actor.retryOne()],
  [1, (actor) => actor.pauseOrResume()],
  [1, (actor) => actor.trespass()],
];

/** These wait for nobody. */
const waitless: readonly [number, Operation][] = [
  [5, (actor) => actor.push(false)],
  [2, (actor) => actor.pushBatch()],
  [8, (actor) => actor.pull()],
  [5, (actor) => actor.pullBatch()],
  [4, (actor) => actor.pullAny()],
  [4, (actor) => actor.tick()],
  [1, (actor) => actor.retrySome()],
];

const refusalsOfRaces = [
  "FENCE_STALE",
  "DATA_DEAD_LETTER_NOT_FOUND",
  "BIZ_DEAD_LETTER_ALREADY_RETRIED",
];

/** A program on one connection that does what comes to its mind. */
class Actor {
  readonly #session: Session;
  readonly #own: string;
  readonly #foreign: string;
  readonly #ledger: Ledger;
  readonly #random: Random;

  constructor(
    session: Session,
    own: string,
    foreign: string,
    { ledger, random }: { ledger: Ledger; random: Random },
  ) {
    this.#session = session;
    this.#own = own;
    this.#foreign = foreign;
    this.#ledger = ledger;
    this.#random = random;
  }

  async keepCompleted(): Promise<void> {
    await this.#rows("set_config", {
      p_queue: archivedQueue,
      p_settings: '{"archive_completed": true}',
    });
  }

  /** One operation, or a transaction of some. */
  async step(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.65)) {
      const facts = await this.#unlessRefused(() => this.#any([...operations, ...waitless])(this));
      this.#ledger.commit(facts ?? []);
      return;
    }
    await this.#session.query("begin");
    const facts = await this.#unlessRefused(async () => {
      const told = await this.#any([...operations, ...waitless])(this);
      for (let more = random.below(3); more > 0; more -= 1) {
        told.push(...(await this.#any(waitless)(this)));
        const fresh = told.flatMap((fact) => (fact.kind === "pulled" ? [fact.holding] : []));
        const ended = told.flatMap((fact) => (fact.kind === "settled" ? [fact.fence] : []));
        const own = fresh.filter(({ fence }) => !ended.includes(fence));
        if (own.length > 0 && random.chance(0.5)) {
          told.push(...(await this.settle(random.pick(own))));
        }
      }
      return told;
    });
    const isCommitted = facts !== undefined && random.chance(0.7);
    await this.#session.query(isCommitted ? "commit" : "rollback");
    if (isCommitted) this.#ledger.commit(facts);
  }

  async push(isKeyed: boolean): Promise<Fact[]> {
    const lane = this.#lane();
    const [id] = await this.#values<string | null>("push", {
      ...lane,
      p_payload: "{}",
      p_delay: this.#delay(),
      p_priority: this.#random.below(3),
      p_max_attempts: this.#maxAttempts(),
      p_unique_key: isKeyed ? this.#key() : null,
    });
    return id ? [this.#pushed(lane.p_queue, id)] : [];
  }

  async pushBatch(): Promise<Fact[]> {
    const lane = this.#lane();
    const [ids] = await this.#values<string[]>("push_batch", {
      ...lane,
      p_payloads: Array.from({ length: this.#random.below(4) }, () => "{}"),
      p_max_attempts: this.#maxAttempts(),
    });
    return (ids ?? []).map((id) => this.#pushed(lane.p_queue, id));
  }

  async pushMany(): Promise<Fact[]> {
    const jobs = Array.from({ length: 1 + this.#random.below(4) }, () => ({
      queue: this.#random.pick(queues),
      payload: {},
      delay: this.#delay(),
      unique_key: this.#random.chance(0.7) ? this.#key() : null,
      max_attempts: this.#maxAttempts(),
    }));
    const [ids] = await this.#values<(string | null)[]>("push_many", {
      p_jobs: JSON.stringify(jobs),
    });
    return (ids ?? []).flatMap((id, index) =>
      id ? [this.#pushed((jobs[index] as { queue: string }).queue, id)] : [],
    );
  }

  async pull(): Promise<Fact[]> {
    return this.#pulled("pull", this.#lane());
  }

  async pullBatch(): Promise<Fact[]> {
    return this.#pulled("pull_batch", { ...this.#lane(), p_limit: 1 + this.#random.below(5) });
  }

  async pullAny(): Promise<Fact[]> {
    return this.#pulled("pull_any", { p_queues: this.#someQueues() });
  }

  async settle(job: Holding | undefined): Promise<Fact[]> {
    if (job === undefined) return [];
    const outcome = this.#random.pick<Exclude<Outcome, "dead" | "cancel">>([
      "ack",
      "ack",
      "nack",
      "nack",
      "fail",
      "release",
      "release_uncounted",
    ]);
    const isRelease = outcome === "release" || outcome === "release_uncounted";
    const [answer] = await this.#claimed<boolean>(isRelease ? "release" : outcome, [job], {
      p_job_id: job.id,
      p_fence: job.fence,
      ...(outcome === "nack" && { p_error: "no", p_backoff: this.#delay() ?? "0" }),
      ...(isRelease && { p_count_attempt: outcome === "release" }),
    });
    return [this.#settled(job, answer === false ? "dead" : outcome)];
  }

  async ackBatch(jobs: readonly Holding[]): Promise<Fact[]> {
    const [count] = await this.#claimed<number>("ack_batch", jobs, together(jobs));
    if (count !== jobs.length) this.#ledger.complain(`ack_batch gave ${count} of ${jobs.length}`);
    return jobs.map((job) => this.#settled(job, "ack"));
  }

  async settleBatch(jobs: readonly Holding[]): Promise<Fact[]> {
    const random = this.#random;
    const isOfAcks = random.chance(0.3);
    const outcomes = jobs.map((): Outcome => {
      if (isOfAcks) return "ack";
      return random.pick(["ack", "nack", "fail", "release", "release_uncounted", "cancel"]);
    });
    const rows = await this.#timed<{ job_id: string; status: string }>("settle_batch", {
      ...together(jobs),
      p_outcomes: outcomes,
      p_delays: jobs.map(() => random.pick(["0", "3 milliseconds"])),
    });
    return jobs.flatMap((job, index) => {
      const row = rows.find(({ job_id: id }) => id === job.id);
      if (row?.status === "stale") return [];
      this.#claim(job, { askedAt: row?.asked_at.getTime() ?? Infinity });
      return [this.#settled(job, row?.status === "dead" ? "dead" : (outcomes[index] as Outcome))];
    });
  }

  async settleAndPull(jobs: readonly Holding[]): Promise<Fact[]> {
    const [row] = await this.#timed<{ r: SettledAndPulled }>("settle_and_pull", {
      p_queues: this.#someQueues(),
      p_limit: this.#random.below(5),
      p_visibility_timeout: this.#visibility(),
      ...together(jobs),
    });
    if (row === undefined) throw new Error("settle_and_pull gave nothing.");
    const done = jobs.filter(({ id }) => !row.r.stale.includes(id));
    for (const job of done) this.#claim(job, { askedAt: row.asked_at.getTime() });
    return [
      ...done.map((job) => this.#settled(job, "ack")),
      ...row.r.jobs.map((job): Fact => {
        const deadline = new Date(job.visibility_timeout_at).getTime();
        return { kind: "pulled", holding: this.#holding(job, deadline) };
      }),
    ];
  }

  async extend(): Promise<Fact[]> {
    const job = this.someHolding();
    if (job === undefined) return [];
    const extendedMs = this.#random.pick([1, 5, 20]);
    await this.#claimed(
      "extend_visibility",
      [job],
      { p_job_id: job.id, p_fence: job.fence, p_extension: `${extendedMs} milliseconds` },
      { extendedMs },
    );
    return [];
  }

  async heartbeat(): Promise<Fact[]> {
    const jobs = this.someHoldings();
    const timeoutMs = this.#random.pick([1, 10, 1000]);
    const rows = await this.#timed<{ job_id: string; status: string }>("heartbeat_batch", {
      ...together(jobs),
      p_timeout: `${timeoutMs} milliseconds`,
    });
    for (const { job_id: id, status, asked_at: askedAt, answered_at: answeredAt } of rows) {
      const job = jobs.find((one) => one.id === id);
      if (job === undefined || status === "stale") continue;
      this.#claim(job, {
        askedAt: askedAt.getTime(),
        heldUntil: answeredAt.getTime() + timeoutMs + 1,
      });
    }
    return [];
  }

  async tick(): Promise<Fact[]> {
    const rows = await this.#timed<{ job_id: string }>("tick_timeouts", {
      p_limit: this.#random.pick([1, 3, 100]),
    });
    return rows.map(({ job_id: id, answered_at: at }) => ({
      kind: "timed out",
      id,
      byThen: at.getTime(),
    }));
  }

  async cancel(): Promise<Fact[]> {
    const id = this.#someId();
    const [isDeleted] = await this.#values<boolean>("cancel", { p_job_id: id });
    return isDeleted ? [{ kind: "deleted", id }] : [];
  }

  async requestCancel(): Promise<Fact[]> {
    const id = this.#someId();
    const [isDone] = await this.#values<boolean>("request_cancel", { p_job_id: id });
    return isDone ? [{ kind: "deleted or asked back", id }] : [];
  }

  async purge(): Promise<Fact[]> {
    const lane = this.#lane();
    const [count] = await this.#values<number>("purge_queue", lane);
    return [{ kind: "purged", namespace: this.#own, queue: lane.p_queue, count: count ?? 0 }];
  }

  async retryOne(): Promise<Fact[]> {
    const letters = await this.#rows<{ id: string; queue: string }>("list_dead_letters", {
      p_with_retried: true,
      p_limit: 5,
    });
    if (letters.length === 0) return [];
    const letter = this.#random.pick(letters);
    const name = this.#random.chance(0.3) ? this.#random.pick(queues) : letter.queue;
    const [id] = await this.#values<string>("retry_dead_letter", {
      p_dead_letter_id: letter.id,
      p_queue: name,
    });
    return id ? [this.#pushed(name, id), { kind: "retried", letter: letter.id, id }] : [];
  }

  async retrySome(): Promise<Fact[]> {
    const lane = this.#lane();
    const rows = await this.#rows<{ dead_letter_id: string; job_id: string }>(
      "retry_dead_letters",
      { ...lane, p_limit: 2 },
    );
    return rows.flatMap(({ dead_letter_id: letter, job_id: id }): Fact[] => [
      this.#pushed(lane.p_queue, id),
      { kind: "retried", letter, id },
    ]);
  }

  async pauseOrResume(): Promise<Fact[]> {
    await this.#rows(this.#random.chance(0.25) ? "pause_queue" : "resume_queue", this.#lane());
    return [];
  }

  /** Calls in the name of the other tenant: nothing is found, and nothing is written. */
  async trespass(): Promise<Fact[]> {
    const random = this.#random;
    const of = { p_namespace: this.#foreign };
    const [job] = random.some(this.#ledger.holdings(this.#foreign), 1);
    const attempts: (() => Promise<unknown[]>)[] = [
      () => this.#rows("pull_batch", { ...this.#lane(), ...of }),
      () => this.#rows("tick_timeouts", of),
      async () => (await this.#values("purge_queue", { ...this.#lane(), ...of })).filter(Boolean),
      ...(job
        ? [
            async () => (await this.#values("cancel", { ...of, p_job_id: job.id })).filter(Boolean),
            async () => {
              const rows = await this.#rows<{ status: string }>("heartbeat_batch", {
                ...of,
                ...together([job]),
                p_timeout: "1 minute",
              });
              return rows.filter(({ status }) => status !== "stale");
            },
          ]
        : []),
    ];
    const found = await random.pick(attempts)();
    if (found.length > 0) this.#ledger.complain(`${this.#own} reached ${this.#foreign}`);
    return [];
  }

  /** Any that was ever pulled, most often one of the last. */
  someHolding(): Holding | undefined {
    return this.someHoldings(1)[0];
  }

  /** At most one of each job. */
  someHoldings(most = 4): Holding[] {
    const all = this.#ledger.holdings(this.#own);
    const near = this.#random.chance(0.8) ? all.slice(-12) : all;
    const picked = this.#random.some(near, most);
    return picked.filter(({ id }, index) => picked.findIndex((one) => one.id === id) === index);
  }

  #any(weighted: readonly [number, Operation][]): Operation {
    const tickets = weighted.flatMap(([weight, operation]) =>
      Array.from({ length: weight }, () => operation),
    );
    return this.#random.pick(tickets);
  }

  /** Gives nothing when the database refuses what only a race can have made wrong. */
  async #unlessRefused(work: () => Promise<Fact[]>): Promise<Fact[] | undefined> {
    try {
      return await work();
    } catch (error) {
      const { code } = await refusalOf(Promise.reject(error));
      if (code === undefined || !refusalsOfRaces.includes(code)) throw error;
      return undefined;
    }
  }

  async #pulled(name: string, args: NamedArguments): Promise<Fact[]> {
    const jobs = await this.#rows<HeldJob>(name, {
      ...args,
      p_visibility_timeout: this.#visibility(),
    });
    return jobs.map((job) => ({
      kind: "pulled",
      holding: this.#holding(job, job.visibility_timeout_at?.getTime() ?? 0),
    }));
  }

  #holding(job: PulledJob, deadline: number): Holding {
    return {
      namespace: this.#own,
      queue: job.queue,
      id: job.id,
      fence: job.fence_token,
      attempts: job.attempts,
      maxAttempts: job.max_attempts,
      deadline,
    };
  }

  #pushed(name: string, id: string): Fact {
    return { kind: "pushed", namespace: this.#own, queue: name, id };
  }

  #settled({ id, fence }: Holding, outcome: Outcome): Fact {
    return { kind: "settled", id, fence, outcome };
  }

  #claim({ fence }: Holding, claim: Omit<Claim, "fence">): void {
    this.#ledger.claim({ fence, ...claim });
  }

  /** A call that succeeds only when all of the fences are good. */
  async #claimed<T>(
    name: string,
    jobs: readonly Holding[],
    args: NamedArguments,
    claim: Pick<Claim, "extendedMs"> = {},
  ): Promise<T[]> {
    const stale = jobs.filter((job) => this.#ledger.isKnownStale(job));
    const rows = await this.#timed<{ r: T }>(name, args);
    for (const { fence } of stale) this.#ledger.complain(`${name} took the old fence ${fence}`);
    for (const job of jobs) {
      this.#claim(job, { askedAt: rows[0]?.asked_at.getTime() ?? Infinity, ...claim });
    }
    return rows.map(({ r }) => r);
  }

  async #timed<T>(name: string, args: NamedArguments): Promise<(T & Timed)[]> {
    const { text, values } = callStatement(
      name,
      { p_namespace: this.#own, ...args },
      "statement_timestamp() as asked_at, clock_timestamp() as answered_at, r.*",
    );
    return (await this.#session.query(text, values)).rows as (T & Timed)[];
  }

  #rows<T>(name: string, args: NamedArguments): Promise<T[]> {
    return this.#session.rows<T>(name, { p_namespace: this.#own, ...args });
  }

  async #values<T>(name: string, args: NamedArguments): Promise<T[]> {
    return (await this.#rows<{ r: T }>(name, args)).map(({ r }) => r);
  }

  #lane(): { p_queue: string } {
    return { p_queue: this.#random.pick(queues) };
  }

  #someQueues(): string[] {
    return this.#random.some(queues, 1 + this.#random.below(queues.length));
  }

  #someId(): string {
    return this.#random.some(this.#ledger.jobIds.slice(-20), 1)[0] ?? "1";
  }

  #key(): string {
    return this.#random.pick(["k1", "k2", "k3"]);
  }

  #maxAttempts(): number {
    return this.#random.pick([1, 2, 3]);
  }

  #delay(): string | null {
    return this.#random.pick([
      null,
      null,
      "-1 second",
      "2 milliseconds",
      "10 milliseconds",
      "1 hour",
    ]);
  }

  #visibility(): string {
    const ms = this.#random.pick([1, 4, 10, 10, 30, 1000, 60_000]);
    return `${ms} milliseconds`;
  }
}

interface Timed {
  readonly asked_at: Date;
  readonly answered_at: Date;
}

type PulledJob = Pick<HeldJob, "id" | "queue" | "attempts" | "max_attempts" | "fence_token">;

interface SettledAndPulled {
  readonly jobs: readonly (PulledJob & { readonly visibility_timeout_at: string })[];
  readonly stale: readonly string[];
}

function together(jobs: readonly Holding[]): NamedArguments {
  return { p_job_ids: jobs.map(({ id }) => id), p_fences: jobs.map(({ fence }) => fence) };
}
