import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  held,
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

const set = (settings: object, queueName: string | null = null, session = app) =>
  session.call(
    "set_config",
    ofTenant({ p_queue: queueName, p_settings: JSON.stringify(settings) }),
  );
const get = async (queueName: string | null = null) =>
  (await app.rows("get_config", ofTenant({ p_queue: queueName })))[0];

const globals = {
  archive_completed: false,
  notify: "auto",
  default_visibility_timeout: { minutes: 5 },
  default_max_attempts: 3,
  backoff_kind: "exponential",
  backoff_base: { seconds: 30 },
  backoff_factor: "2",
  backoff_max: { hours: 1 },
  backoff_jitter: "0",
  retention: { days: 7 },
  paused_at: null,
};

describe("get_config", () => {
  it("gives the settings for all where nobody set anything", async () => {
    expect(await get()).toEqual(globals);
    expect(await get("q")).toEqual(globals);
  });
});

describe("set_config", () => {
  const changes: readonly (readonly [string, unknown, unknown, unknown, unknown])[] = [
    ["archive_completed", true, true, false, false],
    ["notify", "always", "always", "off", "off"],
    ["default_visibility_timeout", "1 hour", { hours: 1 }, "2 hours", { hours: 2 }],
    ["default_max_attempts", 1, 1, 30, 30],
    ["backoff_kind", "linear", "linear", "constant", "constant"],
    ["backoff_base", "0", {}, "1 day", { days: 1 }],
    ["backoff_factor", 1, "1", 1.5, "1.5"],
    ["backoff_max", "0", {}, "2 days", { days: 2 }],
    ["backoff_jitter", 1, "1", 0.25, "0.25"],
    ["retention", "1 second", { seconds: 1 }, "1000 years", { years: 1000 }],
  ];

  it.each(changes)(
    "sets %s for the namespace and for a queue, each by itself, and inherits again",
    async (name, forAll, shownForAll, forQueue, shownForQueue) => {
      await set({ [name]: forAll });
      expect([await get(), await get("q")]).toEqual([
        { ...globals, [name]: shownForAll },
        { ...globals, [name]: shownForAll },
      ]);
      await set({ [name]: forQueue }, "q");
      expect([await get(), await get("q"), await get("other")]).toEqual([
        { ...globals, [name]: shownForAll },
        { ...globals, [name]: shownForQueue },
        { ...globals, [name]: shownForAll },
      ]);
      await set({ [name]: null });
      expect([await get(), await get("q")]).toEqual([
        globals,
        { ...globals, [name]: shownForQueue },
      ]);
      await set({ [name]: null }, "q");
      expect(await get("q")).toEqual(globals);
    },
  );

  it("leaves what is not named as it is", async () => {
    await set({ default_max_attempts: 5, notify: "off" }, "q");
    await set({ notify: "always" }, "q");
    await set({}, "q");
    expect(await get("q")).toMatchObject({ default_max_attempts: 5, notify: "always" });
  });

  it.each([
    [null, "settings must be an object"],
    [[], "settings must be an object"],
    ["x", "settings must be an object"],
    [{ nothing: 1 }, "there is no setting 'nothing'"],
    [{ paused_at: "2025-01-01" }, "there is no setting 'paused_at'"],
    [{ namespace: "globex" }, "there is no setting 'namespace'"],
    [{ queue: "x" }, "there is no setting 'queue'"],
    [{ notify: "sometimes" }, "notify"],
    [{ default_visibility_timeout: "0" }, "visibility_timeout"],
    [{ default_visibility_timeout: "-1 second" }, "visibility_timeout"],
    [{ default_visibility_timeout: "1001 years" }, "calendar"],
    [{ default_max_attempts: 0 }, "max_attempts"],
    [{ default_max_attempts: 31 }, "max_attempts"],
    [{ default_max_attempts: "many" }, "integer"],
    [{ backoff_kind: "random" }, "backoff_kind"],
    [{ backoff_base: "-1 second" }, "backoff_base"],
    [{ backoff_base: "100000 years" }, "calendar"],
    [{ backoff_factor: 0.5 }, "backoff_factor"],
    [{ backoff_factor: 1001 }, "backoff_factor"],
    [{ backoff_factor: "NaN" }, "backoff_factor"],
    [{ backoff_max: "-1 second" }, "backoff_max"],
    [{ backoff_max: "100000 years" }, "calendar"],
    [{ backoff_jitter: 1.1 }, "backoff_jitter"],
    [{ backoff_jitter: -0.1 }, "backoff_jitter"],
    [{ retention: "0" }, "retention"],
    [{ retention: "1001 years" }, "calendar"],
    [{ retention: "for ever" }, "interval"],
    [{ archive_completed: "perhaps" }, "boolean"],
  ])("refuses %j", async (settings, words) => {
    for (const name of [null, "q"]) {
      expect(await refusalOf(set(settings as object, name))).toMatchObject({
        code: "VAL_CONFIG_INVALID",
        sqlstate: "22023",
        message: expect.stringContaining(words),
      });
      expect(await get(name)).toEqual(globals);
    }
    expect((await app.query("select from queue.config where namespace <> 'global'")).rowCount).toBe(
      0,
    );
  });

  it("sets what later pushes take for their attempts", async () => {
    await set({ default_max_attempts: 9 });
    await set({ default_max_attempts: 4 }, "q");
    const attempts = async (name: string, args: NamedArguments = {}) =>
      (await app.job(await app.push(name, args)))?.max_attempts;
    expect([
      await attempts("other"),
      await attempts("q"),
      await attempts("q", { p_max_attempts: 2 }),
    ]).toEqual([9, 4, 2]);
    const [batched] = await app.call<string[]>(
      "push_batch",
      ofTenant({ p_queue: "q", p_payloads: ["{}"] }),
    );
    const [many] = await app.call<string[]>(
      "push_many",
      ofTenant({ p_jobs: '[{"queue": "q", "payload": 1}]' }),
    );
    expect([
      (await app.job(present(batched)))?.max_attempts,
      (await app.job(present(many)))?.max_attempts,
    ]).toEqual([4, 4]);
  });
});

describe("settings for all", () => {
  const args = (settings: object, queueName: string | null = null) => ({
    p_namespace: "global",
    p_queue: queueName,
    p_settings: JSON.stringify(settings),
  });

  it("are not the application's to change, whatever its tenant", async () => {
    for (const name of [tenant, "global", null]) {
      await app.useTenant(name);
      const refusal = await refusalOf(app.call("set_config", args({ default_max_attempts: 9 })));
      expect(refusal).toMatchObject({ code: "BIZ_GLOBAL_PROTECTED", sqlstate: "42501" });
      await app.query("set postkit.maintenance = 'on'");
      expect(await refusalOf(app.call("set_config", args({})))).toMatchObject({
        code: "BIZ_GLOBAL_PROTECTED",
      });
      await app.query("reset postkit.maintenance");
    }
  });

  it("are the owner's in maintenance, and every tenant inherits them", async () => {
    await using owner = await openSession(db.owner);
    expect(await refusalOf(owner.call("set_config", args({})))).toMatchObject({
      code: "BIZ_GLOBAL_PROTECTED",
    });
    await owner.query("begin; set local postkit.maintenance = 'on'");
    await owner.call("set_config", args({ default_max_attempts: 9 }));
    await owner.query("commit");
    expect(await get("q")).toMatchObject({ default_max_attempts: 9 });
    await owner.query("begin; set local postkit.maintenance = 'on'");
    await owner.call("set_config", args({ default_max_attempts: 3 }));
    await owner.query("commit");
    expect(await get("q")).toEqual(globals);
  });

  it("are whole, and not for one queue", async () => {
    await using owner = await openSession(db.owner);
    await owner.query("set postkit.maintenance = 'on'");
    for (const work of [
      () => owner.call("set_config", args({ retention: null })),
      () => owner.call("set_config", args({ retention: "1 day" }, "q")),
      () => owner.call("pause_queue", { p_namespace: "global", p_queue: "q" }),
      () => owner.call("resume_queue", { p_namespace: "global", p_queue: "q" }),
    ]) {
      expect(await refusalOf(work())).toMatchObject({ code: "VAL_CONFIG_INVALID" });
    }
    expect(await get()).toEqual(globals);
  });
});

describe("pause_queue and resume_queue", () => {
  const call = (name: string, queueName = "q") => app.call(name, ofTenant({ p_queue: queueName }));

  it("tell whether there was something to do", async () => {
    const answers: unknown[] = [];
    for (const name of ["resume", "pause", "pause", "resume", "resume"]) {
      answers.push(await call(`${name}_queue`));
    }
    expect(answers).toEqual([false, true, false, true, false]);
  });

  it("stop handing out jobs of the queue, and nothing else", async () => {
    await app.push("q");
    const running = await app.pull("q");
    await app.push("other");
    await call("pause_queue");
    expect(await get("q")).toMatchObject({ paused_at: expect.any(Date) });
    const id = await app.push("q");
    for (const [name, args] of [
      ["pull", { p_queue: "q" }],
      ["pull_batch", { p_queue: "q" }],
      ["pull_any", { p_queues: ["q"] }],
    ] as const) {
      expect(await app.rows(name, ofTenant(args))).toEqual([]);
    }
    const answer = await app.call("settle_and_pull", ofTenant({ p_queues: ["q"], p_limit: 1 }));
    expect(answer).toMatchObject({ jobs: [] });
    expect(await app.call("ack", held(running))).toBe(true);
    await app.pull("other");
    await call("resume_queue");
    expect(await app.pull("q")).toMatchObject({ id });
    expect(await get("q")).toEqual(globals);
  });

  it("leave the settings of the queue as they are", async () => {
    await set({ default_max_attempts: 8 }, "q");
    await call("pause_queue");
    await set({ notify: "off" }, "q");
    expect(await get("q")).toMatchObject({ paused_at: expect.any(Date), default_max_attempts: 8 });
    await call("resume_queue");
    expect(await get("q")).toMatchObject({
      paused_at: null,
      default_max_attempts: 8,
      notify: "off",
    });
  });
});
