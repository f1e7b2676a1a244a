import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import {
  held,
  openSession,
  refusalOf,
  type Job,
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

interface Schedule {
  id: string;
  name: string;
  queue: string;
  payload: unknown;
  priority: number;
  max_attempts: number;
  tags: string[];
  metadata: unknown;
  cron_expression: string | null;
  cron_timezone: string | null;
  every_interval: unknown;
  is_active: boolean;
  last_run_at: Date | null;
  last_job_id: string | null;
  next_run_at: Date | null;
  run_count: string;
  last_error: string | null;
  consecutive_failures: number;
  catch_up: string;
  catch_up_max: number;
  overlap: string;
}

interface Run {
  schedule_name: string;
  job_id: string;
  next_run_at: Date;
}

const daily = { p_cron_expression: "0 7 * * *" };
const base = { p_name: "s", p_queue: "q", p_payload: "{}" };

const create = (args: NamedArguments = daily, name = "s") =>
  app.call<string>("create_schedule", ofTenant({ ...base, p_name: name, ...args }));
const get = async (name = "s") =>
  (await app.rows<Schedule>("get_schedule", ofTenant({ p_name: name })))[0];
const update = (changes: object, name = "s") =>
  app.call("update_schedule", ofTenant({ p_name: name, p_changes: JSON.stringify(changes) }));
const tick = (args: NamedArguments = {}) => app.rows<Run>("tick_schedules", ofTenant(args));

/** Lets the next run of a schedule have been planned for some time ago. */
const setNextRun = (ago: string, name = "s") =>
  app.query(
    "update queue.schedules set next_run_at = clock_timestamp() - $2::interval where name = $1",
    [name, ago],
  );

/** What a query says is true of the schedule. */
async function isTrue(condition: string): Promise<boolean> {
  const { rows } = await app.query<{ ok: boolean }>(
    `select ${condition} as ok from queue.schedules s where s.name = 's'`,
  );
  return rows[0]?.ok ?? false;
}

/** When the jobs there are were planned for, in that order. */
async function plannedTimes(): Promise<Date[]> {
  const { rows } = await app.query<{ at: Date }>(
    "select (j.metadata ->> 'planned_at')::timestamptz as at from queue.jobs j order by j.id",
  );
  return rows.map(({ at }) => at);
}

describe("create_schedule", () => {
  it("makes one with what was not said at its default", async () => {
    const id = await create();
    expect(await get()).toEqual({
      id,
      name: "s",
      queue: "q",
      payload: {},
      priority: 0,
      max_attempts: 3,
      tags: [],
      metadata: null,
      cron_expression: "0 7 * * *",
      cron_timezone: "UTC",
      every_interval: null,
      is_active: true,
      last_run_at: null,
      last_job_id: null,
      next_run_at: expect.any(Date),
      run_count: "0",
      last_error: null,
      consecutive_failures: 0,
      created_at: expect.any(Date),
      updated_at: expect.any(Date),
      catch_up: "one",
      catch_up_max: 100,
      overlap: "allow",
    });
    expect((await get())?.next_run_at?.toISOString()).toMatch(/T07:00:00.000Z$/);
  });

  it("keeps all it is given", async () => {
    await create({
      p_payload: "[1]",
      p_every_interval: "90 minutes",
      p_priority: 4,
      p_max_attempts: 30,
      p_tags: ["t"],
      p_catch_up: "all",
      p_catch_up_max: 7,
      p_overlap: "skip",
      p_metadata: '{"m": 1}',
    });
    expect(await get()).toMatchObject({
      payload: [1],
      every_interval: { hours: 1, minutes: 30 },
      priority: 4,
      max_attempts: 30,
      tags: ["t"],
      catch_up: "all",
      catch_up_max: 7,
      overlap: "skip",
      metadata: { m: 1 },
    });
    expect(
      await isTrue(
        "s.next_run_at between now() + interval '89 minutes' and now() + interval '91 minutes'",
      ),
    ).toBe(true);
  });

  it("goes by the clock of its time zone", async () => {
    await create({ ...daily, p_cron_timezone: "Asia/Kolkata" });
    expect((await get())?.next_run_at?.toISOString()).toMatch(/T01:30:00.000Z$/);
  });

  it("makes it paused when asked, without a next run", async () => {
    await create({ ...daily, p_is_active: false });
    expect(await get()).toMatchObject({ is_active: false, next_run_at: null });
  });

  it("takes null for what has a default", async () => {
    await create({
      ...daily,
      p_priority: null,
      p_max_attempts: null,
      p_tags: null,
      p_is_active: null,
    });
    expect(await get()).toMatchObject({ priority: 0, max_attempts: 3, tags: [], is_active: true });
  });

  it("refuses a name that is there, and takes it in another tenant", async () => {
    await create();
    expect(await refusalOf(create({ p_every_interval: "1 day" }))).toMatchObject({
      code: "BIZ_SCHEDULE_DUPLICATE",
      sqlstate: "23505",
    });
    expect(await get()).toMatchObject({ cron_expression: "0 7 * * *" });
    await using other = await openSession(db.app, "globex");
    const args = { p_namespace: "globex", ...base, ...daily };
    expect(await other.call("create_schedule", args)).toBeTypeOf("string");
    await other.call("delete_schedule", { p_namespace: "globex", p_name: "s" });
  });

  it.each(["-1 month 31 days", "1 month -30 days", "1 day -23 hours", "-1 day 25 hours"])(
    "refuses the interval %s, which some months or days make nothing of",
    async (interval) => {
      expect(await refusalOf(create({ p_every_interval: interval }))).toMatchObject({
        code: "VAL_INTERVAL_NOT_POSITIVE",
      });
    },
  );
});

describe("upsert_schedule", () => {
  const upsert = (args: NamedArguments = daily) =>
    app.call<string>("upsert_schedule", ofTenant({ ...base, ...args }));

  it("makes one, and then leaves it as it is, next run and all", async () => {
    const id = await upsert();
    await setNextRun("1 minute");
    const before = await get();
    expect(await upsert()).toBe(id);
    expect(await get()).toEqual({ ...before, updated_at: expect.any(Date) });
  });

  it("changes what is different, and the next run only with the timing", async () => {
    await upsert();
    const before = await get();
    await upsert({ ...daily, p_queue: "other", p_payload: "[2]", p_tags: ["t"] });
    expect(await get()).toMatchObject({
      queue: "other",
      payload: [2],
      tags: ["t"],
      next_run_at: before?.next_run_at,
    });
    await upsert({ p_cron_expression: "30 7 * * *" });
    expect(await get()).toMatchObject({ queue: base.p_queue, tags: [] });
    expect((await get())?.next_run_at?.toISOString()).toMatch(/T07:30:00.000Z$/);
    await upsert({ p_every_interval: "1 hour" });
    expect(await get()).toMatchObject({ cron_expression: null, every_interval: { hours: 1 } });
  });

  it("leaves one paused that is paused", async () => {
    await upsert();
    await app.call("pause_schedule", ofTenant({ p_name: "s" }));
    await upsert({ p_cron_expression: "30 7 * * *" });
    expect(await get()).toMatchObject({ is_active: false, next_run_at: null });
  });
});

describe("update_schedule", () => {
  it("changes what is named and nothing else", async () => {
    await create({ ...daily, p_tags: ["t"], p_metadata: '{"m": 1}' });
    const before = await get();
    expect(await update({ payload: { b: 2 }, priority: 9 })).toBe(true);
    expect(await get()).toEqual({
      ...before,
      payload: { b: 2 },
      priority: 9,
      updated_at: expect.any(Date),
    });
  });

  it("knows all that can be changed", async () => {
    await create();
    const changes = {
      queue: "other",
      payload: null,
      priority: -1,
      max_attempts: 9,
      tags: ["a"],
      metadata: { m: 2 },
      cron_expression: "5 5 * * *",
      cron_timezone: "Europe/Berlin",
      catch_up: "all",
      catch_up_max: 5,
      overlap: "skip",
    };
    expect(await update(changes)).toBe(true);
    expect(await get()).toMatchObject(changes);
  });

  it("puts one kind of timing in the place of the other", async () => {
    await create();
    await update({ every_interval: "2 hours" });
    expect(await get()).toMatchObject({ cron_expression: null, every_interval: { hours: 2 } });
    await update({ cron_expression: "0 8 * * *" });
    expect(await get()).toMatchObject({ cron_expression: "0 8 * * *", every_interval: null });
  });

  it("takes null for what has a default, and for metadata that are to go", async () => {
    await create({ ...daily, p_priority: 5, p_max_attempts: 5, p_tags: ["t"], p_metadata: "{}" });
    expect(await update({ priority: null, max_attempts: null, tags: null, metadata: null })).toBe(
      true,
    );
    expect(await get()).toMatchObject({ priority: 0, max_attempts: 3, tags: [], metadata: null });
  });

  it("is false for one that is not there", async () => {
    expect(await update({ priority: 1 })).toBe(false);
  });

  it.each([
    [{ name: "t" }, "VAL_CHANGES_INVALID"],
    [{ is_active: false }, "VAL_CHANGES_INVALID"],
    [{ next_run_at: "2025-01-01" }, "VAL_CHANGES_INVALID"],
    [[], "VAL_CHANGES_INVALID"],
    [{ priority: "high" }, "VAL_CHANGES_INVALID"],
    [{ every_interval: "often" }, "VAL_CHANGES_INVALID"],
    [{ tags: "t" }, "VAL_CHANGES_INVALID"],
    [{ queue: null }, "VAL_QUEUE_NULL"],
    [{ catch_up: null }, "VAL_POLICY_UNKNOWN"],
    [{ catch_up_max: null }, "VAL_CATCH_UP_MAX_RANGE"],
    [{ metadata: ["m"] }, "VAL_METADATA_INVALID"],
    [{ metadata: "m" }, "VAL_METADATA_INVALID"],
    [{ cron_expression: null }, "BIZ_SCHEDULE_REQUIRES_SCHEDULE"],
    [{ cron_expression: "0 1 * * *", every_interval: "1 day" }, "BIZ_SCHEDULE_CRON_AND_INTERVAL"],
    [{ cron_timezone: null }, "VAL_TIMEZONE_UNKNOWN"],
    [{ cron_expression: "* * *" }, "VAL_CRON_FIELDS"],
    [{ priority: 2000 }, "VAL_PRIORITY_RANGE"],
  ])("refuses %j and changes nothing", async (changes, code) => {
    await create();
    const before = await get();
    expect(await refusalOf(update(changes))).toMatchObject({ code });
    expect(await get()).toEqual(before);
  });
});

describe("pause, resume and delete", () => {
  const call = (name: string) => app.call(name, ofTenant({ p_name: "s" }));

  it("tell whether there was something to do", async () => {
    const answers: unknown[] = [];
    for (const name of ["pause_schedule", "resume_schedule", "delete_schedule"]) {
      answers.push(await call(name));
    }
    await create();
    for (const name of [
      "resume_schedule",
      "pause_schedule",
      "pause_schedule",
      "resume_schedule",
      "delete_schedule",
      "delete_schedule",
    ]) {
      answers.push(await call(name));
    }
    expect(answers).toEqual([false, false, false, false, true, false, true, true, false]);
  });

  it("stop a schedule, let it go on from now, and forget its errors", async () => {
    await create({ p_every_interval: "1 hour" });
    await setNextRun("10 days");
    await app.query("update queue.schedules set last_error = 'x', consecutive_failures = 3");
    await call("pause_schedule");
    expect(await get()).toMatchObject({ is_active: false, next_run_at: null });
    expect(await tick()).toEqual([]);
    await call("resume_schedule");
    expect(await get()).toMatchObject({
      is_active: true,
      last_error: null,
      consecutive_failures: 0,
    });
    expect(await isTrue("s.next_run_at > now() + interval '59 minutes'")).toBe(true);
    expect(await tick()).toEqual([]);
  });

  it("leave the jobs that a schedule pushed", async () => {
    await create();
    await setNextRun("1 second");
    const [run] = await tick();
    await call("delete_schedule");
    expect(await app.job(present(run).job_id)).toMatchObject({ status: "pending" });
  });
});

describe("list_schedules", () => {
  const list = (args: NamedArguments = {}) =>
    app
      .rows<Schedule>("list_schedules", ofTenant(args))
      .then((rows) => rows.map(({ name }) => name));

  it("lists them by name, in pages, by queue and by state", async () => {
    for (const [name, queueName] of [
      ["b", "q"],
      ["a", "q"],
      ["c", "other"],
      ["B", "q"],
    ]) {
      await create({ ...daily, p_queue: queueName }, name);
    }
    await app.call("pause_schedule", ofTenant({ p_name: "a" }));
    expect(await list()).toEqual(["B", "a", "b", "c"]);
    expect(await list({ p_queue: "q" })).toEqual(["B", "a", "b"]);
    expect(await list({ p_is_active: true })).toEqual(["B", "b", "c"]);
    expect(await list({ p_is_active: false })).toEqual(["a"]);
    expect(await list({ p_limit: 3 })).toEqual(["B", "a", "b"]);
    expect(await list({ p_limit: 3, p_cursor: "b" })).toEqual(["c"]);
  });
});

describe("tick_schedules", () => {
  it("pushes a job as the schedule says, for who ticks", async () => {
    await create({
      p_payload: '{"a": 1}',
      p_every_interval: "1 hour",
      p_priority: 6,
      p_max_attempts: 2,
      p_tags: ["t"],
      p_metadata: '{"m": 1}',
    });
    await setNextRun("5 minutes");
    const planned = (await get())?.next_run_at;
    await app.query("begin");
    await app.call("set_actor", { p_actor_id: "cron" });
    const [run] = await tick();
    await app.query("commit");
    const job = await app.job(present(run).job_id);
    expect(job).toMatchObject({
      queue: "q",
      payload: { a: 1 },
      priority: 6,
      max_attempts: 2,
      tags: ["t"],
      unique_key: null,
      actor_id: "cron",
      metadata: { m: 1, schedule: "s" },
    });
    expect((await plannedTimes())[0]).toEqual(planned);
    const after = await get();
    expect(after).toMatchObject({
      last_job_id: run?.job_id,
      run_count: "1",
      last_run_at: expect.any(Date),
      next_run_at: run?.next_run_at,
    });
    expect(await tick()).toEqual([]);
  });

  it("runs those first that were to run first, as many as asked", async () => {
    for (const [name, ago] of [
      ["a", "1 minute"],
      ["b", "3 minutes"],
      ["c", "2 minutes"],
    ]) {
      await create(daily, name);
      await setNextRun(present(ago), name);
    }
    const names = async (limit: number) =>
      (await tick({ p_limit: limit })).map(({ schedule_name: name }) => name);
    expect([await names(2), await names(2), await names(2)]).toEqual([["b", "c"], ["a"], []]);
  });

  it("keeps an interval anchored to the planned times, however late it notices", async () => {
    await create({ p_every_interval: "1 hour" });
    await setNextRun("150 minutes");
    const planned = present(present(await get()).next_run_at).getTime();
    await tick();
    expect(present(present(await get()).next_run_at).getTime() - planned).toBe(3 * 3_600_000);
    expect(await isTrue("s.next_run_at > clock_timestamp()")).toBe(true);
  });

  it("finds the next of the monthly runs after many years, not one a month later", async () => {
    await create({ p_every_interval: "1 month" });
    await app.query("update queue.schedules set next_run_at = '1990-01-15T12:00:00Z'");
    await tick();
    const next = present(present(await get()).next_run_at);
    expect(next.toISOString()).toMatch(/-15T12:00:00.000Z$/);
    expect(await isTrue("s.next_run_at - interval '1 month' <= clock_timestamp()")).toBe(true);
  });

  it("takes a day for 24 hours, whatever the time zone of who ticks", async () => {
    await create({ p_every_interval: "1 day" });
    await app.query("set timezone = 'Europe/Berlin'");
    // In one of them Berlin has another time than now.
    for (const planned of ["2024-01-01T12:00:00Z", "2024-07-01T12:00:00Z"]) {
      await app.query("update queue.schedules set next_run_at = $1", [planned]);
      await tick();
      expect((await get())?.next_run_at?.toISOString()).toMatch(/T12:00:00.000Z$/);
    }
  });

  it.each(["-1 month 31 days", "-1 day 25 hours"])(
    "ends with an error, and goes on, when somebody wrote the interval %s into the table",
    async (interval) => {
      await create({ p_every_interval: "1 day" });
      await app.query(
        "update queue.schedules set every_interval = $1::interval, next_run_at = '2023-10-31'",
        [interval],
      );
      await create(daily, "good");
      await setNextRun("1 minute", "good");
      expect(await tick()).toMatchObject([{ schedule_name: "good" }]);
      expect(await get()).toMatchObject({ consecutive_failures: 1, run_count: "0" });
    },
  );

  describe("after a time without ticks", () => {
    const missed = async (args: NamedArguments, ago = "200 minutes") => {
      await create({ p_every_interval: "1 hour", ...args });
      await setNextRun(ago);
      return tick();
    };

    it("with catch_up one pushes one job for all that were missed", async () => {
      expect(await missed({ p_catch_up: "one" })).toHaveLength(1);
      expect(await get()).toMatchObject({ run_count: "1" });
    });

    it("with catch_up none pushes none", async () => {
      expect(await missed({ p_catch_up: "none" })).toEqual([]);
      expect(await get()).toMatchObject({ run_count: "0", last_run_at: null, last_job_id: null });
      expect(await isTrue("s.next_run_at > clock_timestamp()")).toBe(true);
    });

    it("with catch_up none pushes the run that is just due", async () => {
      expect(await missed({ p_catch_up: "none" }, "120 minutes 5 seconds")).toHaveLength(1);
    });

    it("with catch_up all pushes each of them, with the time it was planned for", async () => {
      const runs = await missed({ p_catch_up: "all" });
      expect(runs).toHaveLength(4);
      const times = (await plannedTimes()).map((time) => time.getTime());
      expect(times.map((time) => time - present(times[0]))).toEqual(
        [0, 1, 2, 3].map((n) => n * 3_600_000),
      );
      expect(await get()).toMatchObject({ run_count: "4", last_job_id: runs[3]?.job_id });
    });

    it.each([1, 2, 3, 4, 5])("with catch_up all pushes no more than the last %i", async (max) => {
      await missed({ p_catch_up: "all", p_catch_up_max: max });
      const { rows } = await app.query<{ hours: number }>(
        `select round(extract(epoch from s.next_run_at - (j.metadata ->> 'planned_at')::timestamptz) / 3600)::int as hours
         from queue.jobs j, queue.schedules s
         order by j.id`,
      );
      expect(rows.map(({ hours }) => hours)).toEqual([4, 3, 2, 1].slice(-Math.min(max, 4)));
    });

    it("goes by a cron expression just the same", async () => {
      await create({ p_cron_expression: "0 * * * *", p_catch_up: "all" });
      await app.query(
        "update queue.schedules set next_run_at = date_trunc('hour', now()) - interval '3 hours'",
      );
      expect(await tick()).toHaveLength(4);
      expect((await plannedTimes()).map((time) => time.getUTCMinutes())).toEqual([0, 0, 0, 0]);
    });
  });

  describe("with overlap skip", () => {
    beforeEach(async () => {
      await create({ p_every_interval: "1 hour", p_overlap: "skip" });
      await setNextRun("1 second");
      await tick();
      await setNextRun("1 second");
    });

    it.each<[string, (job: Job) => Promise<unknown>]>([
      ["waits", async () => {}],
      ["runs", () => app.pull("q")],
      ["waits to be tried again", async () => app.call("nack", held(await app.pull("q")))],
      ["was given back", async () => app.call("release", held(await app.pull("q")))],
    ])("pushes none while the last job %s", async (_, meanwhile) => {
      const { last_job_id: id } = present(await get());
      await meanwhile(present(await app.job(present(id))));
      expect(await tick()).toEqual([]);
      expect(await get()).toMatchObject({ run_count: "1", last_job_id: id });
      expect(await isTrue("s.next_run_at > clock_timestamp()")).toBe(true);
    });

    it.each(["ack", "fail"])("pushes one again after %s", async (name) => {
      await app.call(name, held(await app.pull("q")));
      expect(await tick()).toHaveLength(1);
      expect(await get()).toMatchObject({ run_count: "2" });
    });
  });

  describe("when a schedule cannot run", () => {
    const spoil = (name = "s") =>
      app.query("update queue.schedules set cron_timezone = 'Nowhere/At_All' where name = $1", [
        name,
      ]);

    beforeEach(async () => {
      await create();
      await spoil();
      await setNextRun("1 minute");
    });

    it("notes why, tries again in a minute, and runs the others", async () => {
      await create(daily, "good");
      await setNextRun("1 second", "good");
      expect(await tick()).toMatchObject([{ schedule_name: "good" }]);
      expect(await get()).toMatchObject({
        last_error: "time zone is not known",
        consecutive_failures: 1,
        run_count: "0",
        is_active: true,
      });
      expect(
        await isTrue(
          "s.next_run_at between now() + interval '50 seconds' and now() + interval '70 seconds'",
        ),
      ).toBe(true);
      // The job it had pushed before it failed is gone with it.
      const { rows } = await app.query("select metadata ->> 'schedule' as name from queue.jobs");
      expect(rows).toEqual([{ name: "good" }]);
    });

    it.each(["serialization_failure", "deadlock_detected"])(
      "raises a %s, which is not the schedule's fault, and notes nothing",
      async (condition) => {
        await update({ cron_timezone: "UTC" });
        await setNextRun("1 second");
        await db.super.query(
          `create function conflict() returns trigger language plpgsql as
             $$ begin raise exception 'conflict' using errcode = '${condition}'; end $$;
           create trigger conflict before insert on queue.ready for each row execute function conflict();`,
        );
        const before = await get();
        expect(await refusalOf(tick())).toMatchObject({ message: "conflict" });
        expect(await get()).toEqual(before);
        await db.super.query("drop function conflict cascade");
        expect(await tick()).toHaveLength(1);
      },
    );

    it("gives up at the tenth time, until it is resumed", async () => {
      for (let failures = 1; failures <= 10; failures++) {
        expect(await get()).toMatchObject({ is_active: true, consecutive_failures: failures - 1 });
        await setNextRun("1 second");
        await tick();
      }
      expect(await get()).toMatchObject({
        is_active: false,
        consecutive_failures: 10,
        next_run_at: null,
        last_error: "time zone is not known",
      });
      await update({ cron_timezone: "UTC" });
      await app.call("resume_schedule", ofTenant({ p_name: "s" }));
      expect(await get()).toMatchObject({
        is_active: true,
        consecutive_failures: 0,
        last_error: null,
      });
    });

    it("counts from zero again once it ran", async () => {
      await tick();
      await update({ cron_timezone: "UTC" });
      await setNextRun("1 second");
      expect(await tick()).toHaveLength(1);
      expect(await get()).toMatchObject({ consecutive_failures: 0, last_error: null });
    });
  });
});
