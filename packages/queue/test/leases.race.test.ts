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
} from "./support/session.ts";

/** How often a race is run whose outcome is open. */
const rounds = Number(process.env["POSTKIT_TEST_ROUNDS"] ?? 100);
/** How often a heartbeat tries to make a rightful settlement stale. */
const beats = Number(process.env["POSTKIT_TEST_BEATS"] ?? 1000);

let db: TestDatabase;
let one: Session;
let other: Session;
let third: Session;
let tenant: string;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});

afterAll(() => db.drop());

/** Each test has a tenant of its own, and three connections. */
let tests = 0;
beforeEach(async () => {
  tests += 1;
  tenant = `tenant ${tests}`;
  const sessions = await Promise.all([1, 2, 3].map(() => openSession(db.app, tenant)));
  [one, other, third] = sessions as [Session, Session, Session];
  await one.call(
    "set_config",
    ofTenant({ p_settings: '{"archive_completed": true}', p_queue: null }),
  );
  return async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  };
});

const ofTenant = (args: NamedArguments = {}): NamedArguments => ({ p_namespace: tenant, ...args });

async function heldJob(args: NamedArguments = {}, pull: NamedArguments = {}): Promise<HeldJob> {
  await one.push("q", args);
  return one.pull("q", pull);
}

/** `yes`, `no` or whatever else a call gives, or the code with which it is refused. */
async function saidBy(working: Promise<unknown>): Promise<unknown> {
  try {
    const value = await working;
    return Array.isArray(value) ? value.length : value;
  } catch (error) {
    const { code, sqlstate } = await refusalOf(Promise.reject(error));
    return code ?? sqlstate;
  }
}

/** Lets two do something at once and gives what each was told. */
async function both(
  first: () => Promise<unknown>,
  second: () => Promise<unknown>,
): Promise<unknown[]> {
  const results = await race(2, (index) => saidBy(index === 0 ? first() : second()));
  return results.map((result) => (result.status === "fulfilled" ? result.value : result.reason));
}

/** Does the work in a transaction that is open until `end`; a second one waits for it meanwhile. */
async function whileOpen<T>(
  work: () => Promise<unknown>,
  second: () => Promise<T>,
  end: "commit" | "rollback",
): Promise<{ said: unknown; hasWaited: boolean }> {
  await one.query("begin");
  await work();
  const { work: waiting, isBlocked } = await startUntilBlocked(db, other, second);
  await one.query(end);
  return { said: await saidBy(waiting), hasWaited: isBlocked };
}

const push = (session: Session, args: NamedArguments = {}) =>
  session.call<string | null>("push", ofTenant({ p_queue: "q", p_payload: "{}", ...args }));
const pull = (session: Session, args: NamedArguments = {}) =>
  session.rows<HeldJob>("pull", ofTenant({ p_queue: "q", ...args }));
const tick = (session: Session) => session.rows("tick_timeouts", ofTenant());
const beat = (session: Session, jobs: readonly Job[]) =>
  session.rows<{ status: string }>("heartbeat_batch", {
    ...heldTogether(jobs),
    p_timeout: "1 hour",
  });

/** Jobs by their ids, whose leases lie in the opposite order. */
async function heldInReverse(count: number): Promise<HeldJob[]> {
  for (let priority = 0; priority < count; priority += 1) {
    await one.push("q", { p_priority: priority });
  }
  const jobs = await one.rows<HeldJob>("pull_batch", ofTenant({ p_queue: "q", p_limit: count }));
  return jobs.reverse();
}

describe("calls on many jobs", () => {
  const calls: readonly [string, NamedArguments][] = [
    ["ack_batch", {}],
    ["settle_and_pull", { p_queues: ["none"], p_limit: 1 }],
    ["settle_batch", { p_outcomes: ["ack", "ack", "ack"] }],
    ["settle_batch", { p_outcomes: ["ack", "nack", "release"] }],
  ];

  it.each(calls)(
    "lock them in the order of their ids: %s %j does not deadlock with a heartbeat",
    async (name, args) => {
      const jobs = await heldInReverse(3);
      await one.query("begin");
      await one.query("select from queue.leases where id = $1 for update", [jobs[1]?.id]);
      const beat = await startUntilBlocked(db, other, () =>
        other.rows("heartbeat_batch", { ...heldTogether(jobs), p_timeout: "1 hour" }),
      );
      const settling = await startUntilBlocked(db, third, () =>
        third.rows(name, { ...heldTogether(jobs), ...args }),
      );
      await one.query("commit");
      await Promise.all([beat.work, settling.work]);
      expect((await one.query("select from queue.leases")).rowCount).toBe(0);
    },
  );
});

describe("one of two who settle a job at once", () => {
  const ends: readonly [string, string, NamedArguments, string][] = [
    ["nack", "nack", { p_backoff: "1 hour" }, "pending"],
    ["fail", "fail", {}, "dead"],
    ["release", "release", {}, "pending"],
    ["ack", "ack", {}, "completed"],
  ];

  it.each(ends)("wins: ack and %s", async (_, name, args, status) => {
    for (let round = 0; round < rounds; round += 1) {
      const job = await heldJob();
      const said = await both(
        () => one.call("ack", held(job)),
        () => other.call(name, { ...held(job), ...args }),
      );
      expect([
        [true, "FENCE_STALE"],
        ["FENCE_STALE", true],
      ]).toContainEqual(said);
      const winner = said[0] === true ? "completed" : status;
      expect((await one.job(job.id))?.status).toBe(winner);
      await one.call("cancel", ofTenant({ p_job_id: job.id }));
    }
  });

  it("wins, and the other waits for the outcome: a settlement that is rolled back was none", async () => {
    for (const [end, expected] of [
      ["commit", "FENCE_STALE"],
      ["rollback", true],
    ] as const) {
      const job = await heldJob();
      const outcome = await whileOpen(
        () => one.call("ack", held(job)),
        () => other.call("nack", held(job)),
        end,
      );
      expect(outcome).toEqual({ said: expected, hasWaited: true });
    }
  });
});

describe("a settlement and tick_timeouts", () => {
  it("never both have the job, however close its deadline is", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const job = await heldJob(
        {},
        { p_visibility_timeout: `${round % 5} milliseconds 1 microsecond` },
      );
      const [acked, ticked] = await both(
        () => one.call("ack", held(job)),
        () => tick(other),
      );
      expect([
        [true, 0],
        ["FENCE_STALE", 1],
        ["FENCE_STALE", 0],
      ]).toContainEqual([acked, ticked]);
      // Who is told that he is late has the row for that moment, and the sweep passes over it until the next time.
      const swept = await tick(one);
      expect(swept).toHaveLength(acked === true || ticked === 1 ? 0 : 1);
      expect((await one.job(job.id))?.status).toBe(acked === true ? "completed" : "pending");
      await one.call("cancel", ofTenant({ p_job_id: job.id }));
    }
  });

  it("do not wait for each other: what is just being settled is passed over", async () => {
    const job = await heldJob();
    await one.query("begin");
    await one.call("ack", held(job));
    await other.query("set lock_timeout = '1ms'");
    expect(await tick(other)).toEqual([]);
    await one.query("commit");
  });
});

describe("time that is over while one waits", () => {
  const settlements: readonly [string, (job: HeldJob) => NamedArguments, unknown][] = [
    ["ack", held, "FENCE_STALE"],
    ["nack", held, "FENCE_STALE"],
    ["fail", held, "FENCE_STALE"],
    ["release", held, "FENCE_STALE"],
    ["extend_visibility", (job) => ({ ...held(job), p_extension: "1 hour" }), "FENCE_STALE"],
    ["ack_batch", (job) => heldTogether([job]), "FENCE_STALE"],
    [
      "settle_batch",
      (job) => ({ ...heldTogether([job]), p_outcomes: ["ack"] }),
      { job_id: expect.any(String), status: "stale" },
    ],
    [
      "settle_batch",
      (job) => ({ ...heldTogether([job]), p_outcomes: ["nack"] }),
      { job_id: expect.any(String), status: "stale" },
    ],
    [
      "heartbeat_batch",
      (job) => ({ ...heldTogether([job]), p_timeout: "1 hour" }),
      { job_id: expect.any(String), status: "stale" },
    ],
    [
      "settle_and_pull",
      (job) => ({ ...heldTogether([job]), p_queues: ["none"], p_limit: 1 }),
      { r: { jobs: [], stale: [expect.any(String)], due_in_ms: null } },
    ],
  ];

  it.each(settlements)("makes %s stale", async (name, args, expected) => {
    const job = await heldJob({}, { p_visibility_timeout: "500 milliseconds" });
    await one.query("begin");
    await one.query("select from queue.leases where id = $1 for update", [job.id]);
    const waiting = await startUntilBlocked(db, other, () =>
      other.rows(name, args(job)).then(([row]) => row),
    );
    expect(waiting.isBlocked).toBe(true);
    await one.query(
      `do $$
       begin
         while clock_timestamp() <= (select expires_at from queue.leases) loop
           perform pg_sleep(0.01);
         end loop;
       end
       $$`,
    );
    await one.query("commit");
    expect(await saidBy(waiting.work)).toEqual(expected);
    expect(await one.job(job.id)).toMatchObject({
      status: "running",
      fence_token: job.fence_token,
    });
    expect((await one.query("select from queue.archive")).rowCount).toBe(0);
  });
});

describe("a heartbeat", () => {
  const settlements: readonly [string, (jobs: readonly HeldJob[]) => Promise<unknown>, unknown][] =
    [
      ["ack", ([job]) => one.call("ack", held(job as HeldJob)), true],
      ["ack_batch", (jobs) => one.call("ack_batch", heldTogether(jobs)), 2],
      [
        "settle_and_pull",
        (jobs) =>
          one
            .call<{ stale: string[] }>("settle_and_pull", {
              ...heldTogether(jobs),
              p_queues: ["none"],
              p_limit: 1,
            })
            .then(({ stale }) => stale),
        0,
      ],
      [
        "settle_batch",
        (jobs) =>
          one
            .rows<{ status: string }>("settle_batch", {
              ...heldTogether(jobs),
              p_outcomes: jobs.map(() => "fail"),
            })
            .then((rows) => rows.filter(({ status }) => status !== "ok")),
        0,
      ],
    ];

  it.each(settlements)(
    `never makes a rightful %s stale, in ${beats} rounds`,
    async (_, settle, expected) => {
      const batch = 50;
      for (let round = 0; round < beats; round += batch) {
        await one.call(
          "push_batch",
          ofTenant({ p_queue: "q", p_payloads: Array.from({ length: 2 * batch }, () => "{}") }),
        );
        const jobs = await one.rows<HeldJob>(
          "pull_batch",
          ofTenant({ p_queue: "q", p_limit: 2 * batch }),
        );
        for (let pair = 0; pair < batch; pair += 1) {
          const mine = jobs.slice(2 * pair, 2 * pair + 2);
          const [settled, first, second] = await Promise.all([
            saidBy(settle(mine)),
            saidBy(beat(other, mine)),
            saidBy(beat(third, mine.toReversed())),
          ]);
          expect([settled, first, second]).toEqual([expected, 2, 2]);
        }
      }
    },
    120_000,
  );

  it("and an extension both count", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const job = await heldJob();
      const said = await both(
        () => one.call("extend_visibility", { ...held(job), p_extension: "1 hour" }),
        () => beat(other, [job]),
      );
      expect(said).toEqual([true, 1]);
      expect(await one.call("ack", held(job))).toBe(true);
    }
  });

  it("waits for a settlement: the job is held if that is rolled back, and lost if not", async () => {
    for (const [end, status] of [
      ["rollback", "held"],
      ["commit", "stale"],
    ] as const) {
      const job = await heldJob();
      await one.query("begin");
      await one.call("ack", held(job));
      const waiting = await startUntilBlocked(db, other, () => beat(other, [job]));
      await one.query(end);
      expect(await waiting.work).toMatchObject([{ status }]);
    }
  });
});

describe("an ack and an extension at once", () => {
  it("are in some order, and the ack succeeds in either", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const job = await heldJob();
      const [acked, extended] = await both(
        () => one.call("ack", held(job)),
        () => other.call("extend_visibility", { ...held(job), p_extension: "1 hour" }),
      );
      expect(acked).toBe(true);
      expect(["FENCE_STALE", true]).toContain(extended);
    }
  });
});

describe("a cancellation", () => {
  it.each([null, "-1 second"])(
    "and a pull at once: one has the job (delay %j)",
    async (p_delay) => {
      for (let round = 0; round < rounds; round += 1) {
        const id = await one.push("q", { p_delay });
        const [cancelled, pulled] = await both(
          () => one.call("cancel", ofTenant({ p_job_id: id })),
          () => pull(other),
        );
        expect([
          [true, 0],
          [false, 1],
        ]).toContainEqual([cancelled, pulled]);
        expect((await one.job(id))?.status).toBe(cancelled === true ? undefined : "running");
      }
    },
  );

  it("waits for a pull that is under way: it has the job if that is rolled back", async () => {
    for (const [end, expected] of [
      ["commit", false],
      ["rollback", true],
    ] as const) {
      const id = await one.push("q", { p_unique_key: "k" });
      const outcome = await whileOpen(
        () => pull(one),
        () => other.call("cancel", ofTenant({ p_job_id: id })),
        end,
      );
      expect(outcome).toEqual({ said: expected, hasWaited: true });
      if (end === "commit") await one.query("delete from queue.leases");
      await one.query("delete from queue.unique_keys");
    }
  });

  it("that is requested reaches the job, whoever takes it or gives it back at once", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const id = await one.push("q");
      const [requested] = await both(
        () => one.call("request_cancel", ofTenant({ p_job_id: id })),
        async () => {
          for (const job of await pull(other)) await other.call("release", held(job));
          return true;
        },
      );
      expect(requested).toBe(true);
      await one.call("purge_queue", ofTenant({ p_queue: "q" }));
    }
  });

  it("that is requested reaches the job though it changes hands all the time", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const id = await one.push("q");
      const asking = new AbortController();
      const changeHands = async (session: Session) => {
        while (!asking.signal.aborted) {
          for (const job of await pull(session)) {
            await saidBy(session.call("release", held(job)));
          }
        }
      };
      const [asked] = await Promise.all([
        one.call("request_cancel", ofTenant({ p_job_id: id })).finally(() => asking.abort()),
        changeHands(other),
        changeHands(third),
      ]);
      expect(asked).toBe(true);
      await one.call("purge_queue", ofTenant({ p_queue: "q" }));
    }
  });
});

describe("pulls at once", () => {
  it("never have the same job", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const id = await one.push("q", { p_delay: round % 2 === 0 ? null : "-1 second" });
      const said = await both(
        () => pull(one),
        () => pull(other),
      );
      expect([
        [0, 1],
        [1, 0],
      ]).toContainEqual(said);
      expect(await one.job(id)).toMatchObject({ status: "running", attempts: 1 });
    }
  });

  it("never come away empty while there are jobs, ready or due", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 8 }, () => openSession(db.app, tenant)),
    );
    for (let round = 0; round < rounds / 2; round += 1) {
      for (let job = 0; job < 8; job += 1) {
        await one.push("q", {
          p_delay: job % 2 === 0 ? null : "-1 second",
          p_priority: job % 3,
        });
      }
      const results = await race(8, async (index) => {
        const [job] = await pull(sessions[index] as Session);
        return job?.id;
      });
      const ids = results.map((result) =>
        result.status === "fulfilled" ? result.value : String(result.reason),
      );
      expect(ids).not.toContain(undefined);
      expect(new Set(ids).size).toBe(8);
    }
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it.each([null, "-1 second"])(
    "in an open transaction hide what they returned and nothing else (delay %j)",
    async (p_delay) => {
      const ids = [];
      for (let job = 0; job < 5; job += 1) ids.push(await one.push("q", { p_delay }));
      await one.query("begin");
      const first = await one.rows<HeldJob>("pull_batch", ofTenant({ p_queue: "q", p_limit: 2 }));
      const rest = await other.rows<HeldJob>("pull_batch", ofTenant({ p_queue: "q" }));
      expect([...first, ...rest].map(({ id }) => id)).toEqual(ids);
      await one.query("rollback");
      const back = await third.rows<HeldJob>("pull_batch", ofTenant({ p_queue: "q" }));
      expect(back.map(({ id, attempts }) => [id, attempts])).toEqual(
        first.map(({ id }) => [id, 1]),
      );
    },
  );
});

describe("a purge", () => {
  it("and a pull at once: each job has been had once", async () => {
    for (let round = 0; round < rounds; round += 1) {
      await one.push("q", { p_unique_key: "k" });
      await one.push("q", { p_delay: "-1 second" });
      const [purged, pulled] = await both(
        () => one.call("purge_queue", ofTenant({ p_queue: "q" })),
        () => other.rows("pull_batch", ofTenant({ p_queue: "q" })),
      );
      expect(Number(purged) + Number(pulled)).toBe(2);
      const { rows } = await one.query<{ id: string }>(
        "select id from queue.leases where unique_key is not null",
      );
      const keys = await one.query<{ id: string }>("select job_id as id from queue.unique_keys");
      expect(keys.rows).toEqual(rows);
      await one.query("delete from queue.leases");
      await one.query("delete from queue.unique_keys");
    }
  });

  it("and another one do not deadlock, and count each job once", async () => {
    for (let round = 0; round < rounds / 4; round += 1) {
      await one.call(
        "push_batch",
        ofTenant({ p_queue: "q", p_payloads: Array.from({ length: 200 }, () => "{}") }),
      );
      const said = await both(
        () => one.call("purge_queue", ofTenant({ p_queue: "q" })),
        () => other.call("purge_queue", ofTenant({ p_queue: "q" })),
      );
      expect(Number(said[0]) + Number(said[1])).toBe(200);
    }
  });
});

describe("a unique key", () => {
  it.each([
    ["commit", null],
    ["rollback", expect.any(String)],
  ] as const)("is waited for while its push is open: after %s it gives %j", async (end, said) => {
    const outcome = await whileOpen(
      () => push(one, { p_unique_key: "k" }),
      () => push(other, { p_unique_key: "k" }),
      end,
    );
    expect(outcome).toEqual({ said, hasWaited: true });
  });

  it("pushed many times at once is one job", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 8 }, () => openSession(db.app, tenant)),
    );
    for (let round = 0; round < rounds / 4; round += 1) {
      const results = await race(8, (index) =>
        push(sessions[index] as Session, { p_unique_key: `k${round}` }),
      );
      const ids = results.map((result) =>
        result.status === "fulfilled" ? result.value : String(result.reason),
      );
      expect(ids.filter((id) => id !== null)).toHaveLength(1);
    }
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  const freeing: readonly [string, NamedArguments][] = [
    ["ack", {}],
    ["fail", {}],
    ["ack_batch", {}],
    ["settle_batch", { p_outcomes: ["cancel"] }],
  ];
  it.each(freeing)(
    "is free once %s is committed, and not if that is rolled back",
    async (name, args) => {
      for (const [end, said] of [
        ["rollback", null],
        ["commit", expect.any(String)],
      ] as const) {
        const job = await heldJob({ p_unique_key: end });
        const fences = name.endsWith("batch") ? heldTogether([job]) : held(job);
        const outcome = await whileOpen(
          () => one.rows(name, { ...fences, ...args }),
          () => push(other, { p_unique_key: end }),
          end,
        );
        expect(outcome).toEqual({ said, hasWaited: true });
      }
    },
  );

  it("of many is taken in one order: two who push the same ones in opposite order do not deadlock", async () => {
    const jobs = ["a", "b", "c", "d"].map((unique_key) => ({
      queue: "q",
      payload: {},
      unique_key,
    }));
    for (let round = 0; round < rounds; round += 1) {
      const said = await race(2, (index) =>
        (index === 0 ? one : other).call<(string | null)[]>(
          "push_many",
          ofTenant({ p_jobs: JSON.stringify(index === 0 ? jobs : jobs.toReversed()) }),
        ),
      );
      const ids = said.flatMap((result) => (result.status === "fulfilled" ? result.value : ["x"]));
      expect(ids.filter((id) => id !== null)).toHaveLength(4);
      await one.call("purge_queue", ofTenant({ p_queue: "q" }));
    }
  });

  it("of hundreds that two push, some the same and in opposite order, is had by one of them", async () => {
    const jobsOf = (from: number) =>
      Array.from({ length: 300 }, (_, index) => ({
        queue: `q${index % 3}`,
        payload: {},
        ...(index % 4 > 0 && { unique_key: `k${from + index}` }),
        ...(index % 5 === 0 && { delay: "1 hour" }),
      }));
    const lists = [jobsOf(0), jobsOf(150).toReversed()];
    for (let round = 0; round < rounds / 4; round += 1) {
      const said = await race(2, (index) =>
        (index === 0 ? one : other).call<(string | null)[]>(
          "push_many",
          ofTenant({ p_jobs: JSON.stringify(lists[index]) }),
        ),
      );
      const ids = said.map((result) => (result.status === "fulfilled" ? result.value : []));
      const winners = new Map<string, string[]>();
      for (const [list, jobs] of lists.entries()) {
        for (const [index, { queue: name, unique_key: key }] of jobs.entries()) {
          const id = ids[list]?.[index];
          const lock = key ?? `none ${list} ${index}`;
          const won = winners.get(`${name} ${lock}`) ?? [];
          winners.set(`${name} ${lock}`, id ? [...won, id] : won);
        }
      }
      expect([...winners.values()].filter((won) => won.length !== 1)).toEqual([]);
      const { rows } = await one.query<{ id: string }>(
        "select id from queue.ready union all select id from queue.deferred",
      );
      expect(rows.map(({ id }) => id).sort()).toEqual([...winners.values()].flat().sort());
      for (const name of ["q0", "q1", "q2"]) {
        await one.call("purge_queue", ofTenant({ p_queue: name }));
      }
    }
  });

  const amongMany = () =>
    other.call<(string | null)[]>(
      "push_many",
      ofTenant({
        p_jobs: JSON.stringify([
          { queue: "q", payload: {} },
          { queue: "q", payload: {}, unique_key: "k" },
          { queue: "q", payload: {}, unique_key: "l", delay: "1 hour" },
        ]),
      }),
    );

  it.each([
    ["commit", false],
    ["rollback", true],
  ] as const)(
    "of one among many is waited for while its push is open: after %s it is had: %j",
    async (end, isHad) => {
      const said: boolean[] = [];
      const { hasWaited } = await whileOpen(
        () => push(one, { p_unique_key: "k" }),
        async () => said.push(...(await amongMany()).map((id) => id !== null)),
        end,
      );
      expect({ said, hasWaited }).toEqual({ said: [true, isHad, true], hasWaited: true });
      const { rows } = await one.query("select key from queue.unique_keys order by key");
      expect(rows).toEqual([{ key: "k" }, { key: "l" }]);
    },
  );

  it("of one among many is waited for while its job is being settled, and had once it is", async () => {
    const job = await heldJob({ p_unique_key: "k" });
    const said: boolean[] = [];
    const { hasWaited } = await whileOpen(
      () => one.call("ack", held(job)),
      async () => said.push(...(await amongMany()).map((id) => id !== null)),
      "commit",
    );
    expect({ said, hasWaited }).toEqual({ said: [true, true, true], hasWaited: true });
  });

  it.each([
    ["push", () => push(other, { p_unique_key: "k" })],
    ["push_many", amongMany],
  ])("that came after the snapshot of a transaction makes its %s fail", async (_, work) => {
    await other.query("begin isolation level repeatable read; select from queue.ready");
    await push(one, { p_unique_key: "k" });
    expect(await refusalOf(work())).toMatchObject({ sqlstate: "40001", code: undefined });
    await other.query("rollback");
  });

  it("is twice in a call at repeatable read: the first has it", async () => {
    const jobs = ["k", "k"].map((unique_key) => ({ queue: "q", payload: {}, unique_key }));
    await other.query("begin isolation level repeatable read; select from queue.ready");
    const ids = await other.call<(string | null)[]>(
      "push_many",
      ofTenant({ p_jobs: JSON.stringify(jobs) }),
    );
    await other.query("commit");
    expect(ids).toEqual([expect.any(String), null]);
  });
});

describe("a dead letter", () => {
  it("is retried by one of two", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const job = await heldJob();
      await one.call("fail", held(job));
      const [letter] = await one.rows<{ id: string }>("list_dead_letters", ofTenant());
      const retry = (session: Session) => () =>
        session.call("retry_dead_letter", ofTenant({ p_dead_letter_id: letter?.id }));
      const said = await both(retry(one), retry(other));
      expect(said).toContain("BIZ_DEAD_LETTER_ALREADY_RETRIED");
      expect(said).toContainEqual(expect.stringMatching(/^\d+$/));
      await one.call("purge_queue", ofTenant({ p_queue: "q" }));
    }
  });

  it("is retried by one of two who retry many", async () => {
    for (let round = 0; round < rounds / 4; round += 1) {
      for (let job = 0; job < 4; job += 1) await one.call("fail", held(await heldJob()));
      const said = await both(
        () => one.rows("retry_dead_letters", ofTenant({ p_queue: "q" })),
        () => other.rows("retry_dead_letters", ofTenant({ p_queue: "q" })),
      );
      expect(Number(said[0]) + Number(said[1])).toBe(4);
      expect(await one.call("purge_queue", ofTenant({ p_queue: "q" }))).toBe(4);
    }
  });
});

describe("two batches in opposite order", () => {
  it("do not deadlock, and one has all", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const jobs = await heldInReverse(4);
      const said = await both(
        () => one.call("ack_batch", heldTogether(jobs)),
        () => other.call("ack_batch", heldTogether(jobs.toReversed())),
      );
      expect(said).toContain(4);
      expect(said).toContain("FENCE_STALE");
    }
  });

  it("share the jobs when each is settled by itself", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const jobs = await heldInReverse(4);
      const done = async (session: Session, mine: readonly HeldJob[]) => {
        const rows = await session.rows<{ status: string }>("settle_batch", {
          ...heldTogether(mine),
          p_outcomes: mine.map((_, index) => (index % 2 === 0 ? "ack" : "fail")),
        });
        return rows.filter(({ status }) => status === "ok");
      };
      const said = await both(
        () => done(one, jobs),
        () => done(other, jobs.toReversed()),
      );
      expect([
        [0, 4],
        [4, 0],
      ]).toContainEqual(said);
    }
  });
});
