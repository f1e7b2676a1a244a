import { queue } from "@postkit/queue";
import {
  createTestDatabase,
  newRunId,
  type PrivateServer,
  type PrivateServerOptions,
  serverOfRun,
  startPrivateServer,
  type TestDatabase,
} from "@postkit/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { advanceFloors, advanceTwice, type HiddenJob, hiddenJobs } from "./support/floors.ts";
import {
  held,
  heldTogether,
  openSession,
  present,
  type Job,
  type Session,
} from "./support/session.ts";

let db: TestDatabase;
let app: Session;
let other: Session;
let owner: Session;

async function open(server?: PrivateServer): Promise<void> {
  db = await createTestDatabase({
    modules: [queue],
    ...(server && { server: { url: server.url, version: server.version, runId: newRunId() } }),
  });
  // A transaction that has notified somebody cannot be prepared.
  await db.super.query("update queue.config set notify = 'off'");
  await openSessions();
}

async function openSessions(): Promise<void> {
  app = await openSession(db.app, "acme");
  other = await openSession(db.app, "acme");
  owner = await openSession(db.owner);
}

/** Pushes jobs, takes them and settles them, so that there is something to begin behind. */
async function pass(session: Session, count = 3): Promise<void> {
  await session.call("push_batch", {
    p_namespace: "acme",
    p_queue: "q",
    p_payloads: Array.from({ length: count }, () => "{}"),
  });
  const jobs = await pullAll(session, count);
  await session.call("ack_batch", heldTogether(jobs));
}

function pullAll(session: Session, limit = 100): Promise<Job[]> {
  return session.rows<Job>("pull_batch", { p_namespace: "acme", p_queue: "q", p_limit: limit });
}

/** Where jobs of a priority begin that are new, and where those that came back. */
async function floorOf(priority = 0): Promise<{ returned: string; fresh: string } | undefined> {
  const { rows } = await db.super.query<{ returned: string; fresh: string }>(
    `select f.from_positions[array_position(f.from_ranks, $1)] as returned,
       f.from_positions[array_position(f.from_ranks, $1) + 1] as fresh
     from queue.floors f
     where f.namespace = 'acme' and f.queue = 'q'
     order by f.id desc
     limit 1`,
    [-priority],
  );
  return rows[0];
}

describe("floors", () => {
  beforeEach(() => open());
  afterEach(() => db.drop());

  it("are none until jobs were taken, and then begin before the first job that is there", async () => {
    await app.push("q");
    await advanceTwice(owner);
    expect(await floorOf()).toBeUndefined();
    await app.call("ack", held(await app.pull("q")));
    const id = await app.push("q");
    await advanceTwice(owner);
    expect(await floorOf()).toMatchObject({ fresh: String(BigInt(id) - 1n) });
    expect(await pullAll(app)).toMatchObject([{ id }]);
  });

  it("stay where they are when it is not worth it", async () => {
    await pass(app);
    await owner.query("set postkit.maintenance = 'on'");
    for (let count = 0; count < 3; count++) {
      await owner.query("select queue._advance_floors(interval '1 hour')");
    }
    expect(await floorOf()).toBeUndefined();
  });

  it("go by priority, and jobs that come back are before new ones", async () => {
    const push = (priority: number) => app.push("q", { p_priority: priority });
    const first = [await push(-5), await push(0), await push(5)];
    const jobs = [await app.pull("q"), await app.pull("q"), await app.pull("q")];
    await app.call("release", held(present(jobs[1])));
    await advanceTwice(owner);
    const [low, middle, high] = [await push(-5), await push(0), await push(5)];
    await app.call("release", held(present(jobs[2])));
    expect((await pullAll(app)).map(({ id }) => id)).toEqual([
      high,
      first[1],
      middle,
      first[0],
      low,
    ]);
    expect(await hiddenJobs(db.super)).toEqual([]);
  });

  it("have one row for each queue, and marks have one, and lanes one for each priority", async () => {
    for (let count = 0; count < 5; count++) {
      await pass(app);
      await advanceTwice(owner);
    }
    const { rows } = await db.super.query(
      `select (select count(*)::int from queue.floors) as floors, (select count(*)::int from queue.marks) as marks,
         (select count(*)::int from queue.lanes) as lanes`,
    );
    expect(rows).toEqual([{ floors: 1, marks: 1, lanes: 1 }]);
  });

  it("never pass the very first position, which nobody has drawn when the line is", async () => {
    await owner.query(`set postkit.maintenance = 'on'; ${advanceFloors}`);
    await other.query("begin");
    const id = await other.push("q");
    expect(id).toBe("1");
    await pass(app);
    await owner.query(advanceFloors);
    await other.query("commit");
    expect(await hiddenJobs(db.super)).toEqual([]);
    expect(await app.pull("q")).toMatchObject({ id });
  });

  it("are not held up by an old transaction that reads, or writes elsewhere", async () => {
    await db.super.query("create table elsewhere (id int)");
    await using old = await openSession(db.super);
    await old.query("begin isolation level repeatable read; insert into elsewhere values (1)");
    await old.query("select count(*) from queue.ready");
    await pass(app);
    await advanceTwice(owner);
    const { rows } = await db.super.query<{ position: string }>(
      "select last_value as position from queue.job_id_seq",
    );
    expect(await floorOf()).toMatchObject({ fresh: rows[0]?.position });
  });

  it.each(["repeatable read", "serializable"])(
    "are left alone at %s, where jobs that are there cannot be seen",
    async (isolation) => {
      await pass(app);
      await owner.query("set postkit.maintenance = 'on'");
      await owner.query(`begin isolation level ${isolation}; ${advanceFloors}`);
      await app.push("q");
      const look =
        "select (select array_agg(m) from queue.marks m) as marks, (select array_agg(f) from queue.floors f) as floors";
      const before = (await owner.query(look)).rows;
      await owner.query(advanceFloors);
      await owner.rows("maintain");
      expect((await owner.query(look)).rows).toEqual(before);
      await owner.query("commit");
      expect(await pullAll(app)).toHaveLength(1);
    },
  );

  it("stay before the jobs that maintenance itself takes back in the same transaction", async () => {
    await pass(app);
    await app.push("q");
    const job = await app.pull("q");
    await app.expire(job.id);
    await owner.query("begin");
    expect(await owner.rows("maintain")).toMatchObject([{ timed_out: 1 }]);
    await advanceTwice(owner);
    await owner.query("commit");
    await advanceTwice(owner);
    expect(await hiddenJobs(db.super)).toEqual([]);
    expect(await app.pull("q")).toMatchObject({ id: job.id, attempts: 2 });
  });

  it("are read by tenants, and moved by the owner alone", async () => {
    await pass(app);
    await advanceTwice(owner);
    await using globex = await openSession(db.app, "globex");
    expect((await app.query("select from queue.floors")).rowCount).toBe(1);
    expect((await globex.query("select from queue.floors")).rowCount).toBe(0);
    await expect(app.query(advanceFloors)).rejects.toThrow(/permission denied/);
    await expect(app.query("delete from queue.floors")).rejects.toThrow(/permission denied/);
    expect((await app.query("select from queue.marks")).rowCount).toBe(0);
    await expect(app.query("delete from queue.marks")).rejects.toThrow(/permission denied/);
  });
});

/** What a transaction does that is open while floors move; gives the ids of the jobs that are to be there once it ends. */
type Adversary = (session: Session) => Promise<string[]>;

const adversaries: Readonly<Record<string, Adversary>> = {
  "pushes early and commits late": async (session) => {
    await session.query("begin");
    return [await session.push("q"), await session.push("q", { p_priority: 7 })];
  },
  "pushes, goes back to a savepoint and pushes again": async (session) => {
    await session.query("begin; savepoint one");
    await session.push("q");
    await session.query("rollback to one");
    return [await session.push("q")];
  },
  "pushes before a savepoint, and goes back to it": async (session) => {
    await session.query("begin");
    const id = await session.push("q");
    await session.query("savepoint one");
    await session.push("q");
    await session.query("rollback to one");
    return [id];
  },
  "pushes after a savepoint that it releases": async (session) => {
    await session.query("begin; savepoint one");
    const id = await session.push("q");
    await session.query("release one");
    return [id];
  },
  "pushes at repeatable read": async (session) => {
    await session.query("begin isolation level repeatable read");
    return [await session.push("q")];
  },
  "pushes jobs with keys": async (session) => {
    await session.query("begin");
    return session.call("push_many", {
      p_namespace: "acme",
      p_jobs: JSON.stringify(
        ["b", "a", "c"].map((key) => ({ queue: "q", payload: {}, unique_key: key })),
      ),
    });
  },
  "pushes many jobs, some of them for later": async (session) => {
    await session.query("begin");
    const delays = [undefined, "-1 hour", undefined, "-1 hour", undefined];
    return session.call("push_many", {
      p_namespace: "acme",
      p_jobs: JSON.stringify(delays.map((delay) => ({ queue: "q", payload: {}, delay }))),
    });
  },
  "releases a job": async (session) => {
    await session.push("q");
    const job = await session.pull("q");
    await session.query("begin");
    await session.call("release", held(job));
    return [job.id];
  },
  "takes jobs back whose time is over": async (session) => {
    await session.push("q");
    const job = await session.pull("q");
    await session.expire(job.id);
    await session.query("begin");
    await session.rows("tick_timeouts", { p_namespace: "acme" });
    return [job.id];
  },
};

/** The same, for transactions that take jobs and then undo it. */
const undone: Readonly<Record<string, Adversary>> = {
  "takes a job": async (session) => {
    const id = await session.push("q");
    await session.query("begin");
    await session.pull("q");
    return [id];
  },
  "takes a job and settles it": async (session) => {
    const id = await session.push("q");
    await session.query("begin");
    await session.call("ack", held(await session.pull("q")));
    return [id];
  },
  "takes a job, goes back to a savepoint and takes it again": async (session) => {
    const id = await session.push("q");
    await session.query("begin; savepoint one");
    await session.pull("q");
    await session.query("rollback to one");
    await session.pull("q");
    return [id];
  },
  "takes a job that came back": async (session) => {
    await session.push("q");
    const job = await session.pull("q");
    await session.call("release", held(job));
    await session.query("begin isolation level repeatable read");
    await session.pull("q");
    return [job.id];
  },
  "deletes the jobs of a queue": async (session) => {
    const id = await session.push("q");
    await session.query("begin");
    await session.call("purge_queue", { p_namespace: "acme", p_queue: "q" });
    return [id];
  },
};

function prepared(adversary: Adversary): Adversary {
  return async (session) => {
    const ids = await adversary(session);
    await session.query("prepare transaction 'p'");
    return ids;
  };
}

interface Outcome {
  /** The jobs that are there once the transaction has ended. */
  readonly there: readonly string[];
  readonly taken: readonly string[];
  readonly hidden: readonly HiddenJob[];
}

/** Lets others push and take jobs and floors move, while the adversary's transaction is open. */
async function moveAroundWhileOpen(adversary: Adversary, end: string): Promise<Outcome> {
  await pass(app);
  await advanceTwice(owner);
  const ids = await adversary(other);
  for (let count = 0; count < 3; count++) {
    await advanceTwice(owner);
    await pass(app, 2);
  }
  await advanceTwice(owner);
  await other.query(end);
  const hidden = await hiddenJobs(db.super);
  await advanceTwice(owner);
  hidden.push(...(await hiddenJobs(db.super)));
  const jobs = await pullAll(app);
  await app.call("ack_batch", heldTogether(jobs));
  return { there: ids.toSorted(), taken: jobs.map(({ id }) => id).toSorted(), hidden };
}

describe("no job is hidden that is there once a transaction ends which", () => {
  let server: PrivateServer;

  beforeAll(async () => {
    const version = (await serverOfRun()).version as PrivateServerOptions["version"];
    server = await startPrivateServer({
      ...(version && { version }),
      settings: { max_prepared_transactions: 10, synchronous_commit: "off" },
    });
    await open(server);
  }, 60_000);
  afterAll(() => server.stop());

  const names = Object.entries(adversaries);
  const undoneNames = Object.entries(undone);

  it.each(names)("%s", async (_, adversary) => {
    const { there, taken, hidden } = await moveAroundWhileOpen(adversary, "commit");
    expect({ taken, hidden }).toEqual({ taken: there, hidden: [] });
  });

  it.each(names)("%s and is prepared", async (_, adversary) => {
    const { there, taken, hidden } = await moveAroundWhileOpen(
      prepared(adversary),
      "commit prepared 'p'",
    );
    expect({ taken, hidden }).toEqual({ taken: there, hidden: [] });
  });

  it.each(undoneNames)("%s and rolls back", async (_, adversary) => {
    const { there, taken, hidden } = await moveAroundWhileOpen(adversary, "rollback");
    expect({ taken, hidden }).toEqual({ taken: there, hidden: [] });
  });

  it.each(undoneNames)("%s, is prepared and rolled back", async (_, adversary) => {
    const { there, taken, hidden } = await moveAroundWhileOpen(
      prepared(adversary),
      "rollback prepared 'p'",
    );
    expect({ taken, hidden }).toEqual({ taken: there, hidden: [] });
  });

  it("pushes and is prepared after the line was drawn, and committed after a crash", async () => {
    await pass(app);
    await advanceTwice(owner);
    await other.query("begin");
    const id = await other.push("q");
    await owner.query(advanceFloors);
    await other.query("prepare transaction 'p'");
    await server.crash();
    await server.restart();
    await openSessions();
    await pass(app);
    await advanceTwice(owner);
    await other.query("commit prepared 'p'");
    expect(await hiddenJobs(db.super)).toEqual([]);
    await advanceTwice(owner);
    expect(await app.pull("q")).toMatchObject({ id });
    await advanceTwice(owner);
    expect(BigInt(present(await floorOf()).fresh)).toBeGreaterThanOrEqual(BigInt(id));
  });
});
