import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase, waitFor } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  openSession,
  refusalOf,
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

const ofTenant = (args: NamedArguments = {}): NamedArguments => ({ p_namespace: tenant, ...args });
const report = (isWaiting: boolean | null, queues: unknown = ["q"], worker: unknown = "w") =>
  app.call(
    "report_worker",
    ofTenant({ p_queues: queues, p_worker_id: worker, p_is_waiting: isWaiting }),
  );
const workers = async () =>
  (
    await app.query(
      "select queue, worker_id, is_waiting from queue.workers order by queue, worker_id",
    )
  ).rows;

describe("report_worker and forget_worker", () => {
  it("keep what is known of a worker, by queue", async () => {
    await report(true, ["b", "a", "b"]);
    await report(false, ["a"], "other");
    await report(false, ["a"]);
    expect(await workers()).toEqual([
      { queue: "a", worker_id: "other", is_waiting: false },
      { queue: "a", worker_id: "w", is_waiting: false },
      { queue: "b", worker_id: "w", is_waiting: true },
    ]);
    const forget = (worker: string) => app.call("forget_worker", ofTenant({ p_worker_id: worker }));
    expect([await forget("w"), await forget("w")]).toEqual([true, false]);
    expect(await workers()).toEqual([{ queue: "a", worker_id: "other", is_waiting: false }]);
  });

  it("take null for a worker that does not wait", async () => {
    await report(null);
    expect(await workers()).toEqual([{ queue: "q", worker_id: "w", is_waiting: false }]);
  });

  it("of no queues write nothing", async () => {
    await report(true, []);
    expect(await workers()).toEqual([]);
  });

  it.each([null, "", "x".repeat(257)])("refuse the name %j", async (worker) => {
    expect(await refusalOf(report(true, ["q"], worker))).toMatchObject({
      code: "VAL_WORKER_ID_INVALID",
    });
    const work = app.call("forget_worker", ofTenant({ p_worker_id: worker }));
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_WORKER_ID_INVALID" });
  });

  it("refuse names that together are too long for the key, with a code", async () => {
    const name = Array.from({ length: 256 }, (_, index) => String.fromCodePoint(0x1f300 + index));
    const namespace = name.join("");
    await app.useTenant(namespace);
    const args = {
      p_namespace: namespace,
      p_queues: [name.toReversed().join("")],
      p_is_waiting: true,
    };
    const work = app.call("report_worker", { ...args, p_worker_id: name.join("") });
    expect(await refusalOf(work)).toMatchObject({ code: "VAL_KEY_TOO_LONG", sqlstate: "22001" });
  });
});

describe("next_due", () => {
  const nextDue = (queues: string[]) =>
    app.call<Date | null>("next_due", ofTenant({ p_queues: queues }));

  it("is when the first deferred job of the queues may run", async () => {
    expect([await nextDue(["a", "b"]), await nextDue([])]).toEqual([null, null]);
    await app.push("a");
    await app.push("b", { p_delay: "2 hours" });
    const first = await app.push("b", { p_delay: "1 hour", p_priority: -3 });
    await app.push("c", { p_delay: "-1 hour" });
    expect(await nextDue(["a"])).toBeNull();
    expect(await nextDue(["a", "b"])).toEqual((await app.job(first))?.scheduled_at);
    expect(present(await nextDue(["a", "b", "c"])).getTime()).toBeLessThan(Date.now());
  });
});

describe("pushes_in_flight", () => {
  it("names the transactions of others that have written jobs, until they end", async () => {
    await using other = await openSession(db.app, tenant);
    const inFlight = () => app.call<string[]>("pushes_in_flight");
    expect(await inFlight()).toEqual([]);
    for (const delay of [null, "1 hour"]) {
      await other.query("begin");
      await other.push("q", { p_delay: delay });
      const [transaction, ...more] = await inFlight();
      expect([transaction, more]).toEqual([expect.stringMatching(/^\d+\/\d+$/), []]);
      await other.query("rollback");
      await waitFor(async () => (await inFlight()).length === 0);
    }
  });

  it("does not name one's own, nor those that only read", async () => {
    await using other = await openSession(db.app, tenant);
    await other.query("begin; select from queue.jobs");
    await app.query("begin");
    await app.push("q");
    expect(await app.call("pushes_in_flight")).toEqual([]);
    await app.query("rollback");
    await other.query("rollback");
  });
});

describe("a push that nobody is told of", () => {
  /** Whether a push is notified. */
  async function isTold(): Promise<boolean> {
    await using listener = await openSession(db.app, tenant);
    const channels: string[] = [];
    listener.client.on("notification", ({ channel }) => channels.push(channel));
    const { rows } = await listener.query<{ channel: string }>(
      "select queue.channel_name($1, 'q') as channel",
      [tenant],
    );
    await listener.query(`listen ${rows[0]?.channel}; listen over`);
    await app.push("q");
    await app.query("notify over");
    await waitFor(() => channels.includes("over"));
    return channels.length > 1;
  }

  it("is one whose workers are all at work", async () => {
    await report(false);
    expect(await isTold()).toBe(false);
    await report(true, ["q"], "other");
    expect(await isTold()).toBe(true);
  });

  it("is not one whose workers have not been heard of for two minutes", async () => {
    await report(false);
    await app.query("update queue.workers set seen_at = now() - interval '3 minutes'");
    expect(await isTold()).toBe(true);
  });

  it("is not one of another queue than the workers are at", async () => {
    await report(false, ["other"]);
    expect(await isTold()).toBe(true);
  });

  it("is not one that cannot know who waits since it reads an old snapshot", async () => {
    await report(false);
    await app.query("set default_transaction_isolation = 'repeatable read'");
    expect(await isTold()).toBe(true);
  });
});

describe("settle_batch", () => {
  it.each(["nack", "ack"])(
    "refuses a wait that is too long before it settles anything: %s",
    async (outcome) => {
      await app.push("q");
      await app.push("q");
      const [one, two] = [await app.pull("q"), await app.pull("q")];
      const settle = (delay: string) =>
        app.rows(
          "settle_batch",
          ofTenant({
            p_job_ids: [one.id, two.id],
            p_fences: [one.fence_token, two.fence_token],
            p_outcomes: ["ack", outcome],
            p_delays: [null, delay],
          }),
        );
      expect(await refusalOf(settle("1001 years"))).toMatchObject({
        code: "VAL_INTERVAL_TOO_LARGE",
        message: "delay is longer than 1000 years",
      });
      expect(await settle("999 years")).toEqual([
        { job_id: one.id, status: "ok" },
        { job_id: two.id, status: "ok" },
      ]);
    },
  );
});
