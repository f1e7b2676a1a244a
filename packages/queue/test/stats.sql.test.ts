import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { held, openSession, type NamedArguments, type Session } from "./support/session.ts";

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

const ofTenant = (args: NamedArguments = {}): NamedArguments => ({ p_namespace: tenant, ...args });

const stats = async () => (await app.rows("get_stats", ofTenant()))[0];
const queueStats = (args: NamedArguments = {}) => app.rows("get_queue_stats", ofTenant(args));

describe("get_stats and get_queue_stats", () => {
  it("count nothing where there is nothing", async () => {
    expect(await stats()).toEqual({
      total_jobs: "0",
      pending: "0",
      running: "0",
      completed: "0",
      dead: "0",
      total_queues: "0",
    });
    expect(await queueStats()).toEqual([]);
  });

  it("count the jobs by state and by queue", async () => {
    const settings = '{"archive_completed": true}';
    await app.call("set_config", ofTenant({ p_queue: "a", p_settings: settings }));
    for (const name of ["ack", "fail", "fail", "release"]) {
      await app.push("a", { p_priority: 1 });
      await app.call(name, held(await app.pull("a")));
    }
    await app.push("a");
    await app.push("a", { p_delay: "1 hour" });
    await app.push("b");
    await app.pull("b");
    await app.push("c", { p_delay: "1 hour" });
    const [letter] = await app.rows<{ id: string }>("list_dead_letters", ofTenant());
    await app.call("retry_dead_letter", ofTenant({ p_dead_letter_id: letter?.id, p_queue: "d" }));
    expect(await stats()).toEqual({
      total_jobs: "9",
      pending: "5",
      running: "1",
      completed: "1",
      dead: "2",
      total_queues: "4",
    });
    const none = { pending: "0", running: "0", completed: "0", dead: "0", dead_letters: "0" };
    const rows = await queueStats();
    expect(rows).toMatchObject([
      { ...none, queue: "a", pending: "3", completed: "1", dead: "2", dead_letters: "1" },
      { ...none, queue: "b", running: "1" },
      { ...none, queue: "c", pending: "1" },
      { ...none, queue: "d", pending: "1" },
    ]);
    const ages = rows.map(({ oldest_pending_seconds: age }) => age as string | null);
    expect(Number(ages[0])).toBeGreaterThanOrEqual(0);
    expect(ages[1]).toBeNull();
    expect(Number(ages[2])).toBeLessThan(-3500);
    expect(await queueStats({ p_queue: "b" })).toEqual([rows[1]]);
    expect(await queueStats({ p_queue: "none" })).toEqual([]);
  });

  it("show a queue that has nothing but dead letters", async () => {
    await app.push("q");
    await app.call("fail", held(await app.pull("q")));
    await db.super.query("delete from queue.archive where namespace = $1", [tenant]);
    expect(await queueStats()).toMatchObject([
      { queue: "q", pending: "0", dead: "0", oldest_pending_seconds: null, dead_letters: "1" },
    ]);
  });

  it("tell which queues are paused, those among them that have nothing at all", async () => {
    await app.push("running");
    await app.push("paused");
    await app.push("letter");
    await app.call("fail", held(await app.pull("letter")));
    for (const name of ["paused", "letter", "empty", "resumed"]) {
      await app.call("pause_queue", ofTenant({ p_queue: name }));
    }
    await app.call("resume_queue", ofTenant({ p_queue: "resumed" }));
    expect(await queueStats()).toMatchObject([
      {
        queue: "empty",
        pending: "0",
        running: "0",
        completed: "0",
        dead: "0",
        oldest_pending_seconds: null,
        dead_letters: "0",
        is_paused: true,
      },
      { queue: "letter", dead_letters: "1", is_paused: true },
      { queue: "paused", pending: "1", is_paused: true },
      { queue: "running", pending: "1", is_paused: false },
    ]);
    expect(await queueStats({ p_queue: "empty" })).toMatchObject([{ queue: "empty" }]);
    expect(await queueStats({ p_queue: "resumed" })).toEqual([]);
    expect(await stats()).toMatchObject({ total_queues: "3" });
  });

  it("tell of a pause of the whole tenant with each queue that there is", async () => {
    await app.push("q");
    await db.super.query(
      "insert into queue.config (namespace, queue, paused_at) values ($1, '', now())",
      [tenant],
    );
    expect(await app.rows("pull", ofTenant({ p_queue: "q" }))).toEqual([]);
    expect(await queueStats()).toMatchObject([{ queue: "q", pending: "1", is_paused: true }]);
  });
});
