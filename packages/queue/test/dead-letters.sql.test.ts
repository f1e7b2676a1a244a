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

interface Letter {
  id: string;
  queue: string;
  original_job_id: string;
  retry_job_id: string | null;
  last_error: string | null;
}

/** Fails a new job and gives its dead letter. */
async function deadLetter(queueName = "q", args: NamedArguments = {}): Promise<Letter> {
  await app.push(queueName, args);
  await app.call("fail", { ...held(await app.pull(queueName)), p_error: "no" });
  const [letter] = await letters();
  return present(letter);
}

const letters = (args: NamedArguments = {}) =>
  app.rows<Letter>("list_dead_letters", ofTenant(args));
const retry = (letter: Letter, args: NamedArguments = {}) =>
  app.call<string>("retry_dead_letter", ofTenant({ p_dead_letter_id: letter.id, ...args }));

describe("a dead letter", () => {
  it("has all of its job, and why it is there", async () => {
    await app.query("begin");
    await app.call("set_actor", { p_actor_id: "user:admin", p_reason: "ticket" });
    const id = await app.push("q", {
      p_payload: '{"a": 1}',
      p_priority: 5,
      p_tags: ["t"],
      p_metadata: '{"m": 1}',
      p_unique_key: "k",
    });
    await app.query("commit");
    await app.call("fail", { ...held(await app.pull("q")), p_error: "no" });
    expect(await letters()).toMatchObject([
      {
        namespace: tenant,
        queue: "q",
        original_job_id: id,
        payload: { a: 1 },
        priority: 5,
        tags: ["t"],
        metadata: { m: 1 },
        attempts: 1,
        max_attempts: 3,
        last_error: "no",
        reason_code: "failed",
        retried_at: null,
        retry_job_id: null,
        actor_id: "user:admin",
        request_id: null,
        reason: "ticket",
      },
    ]);
    expect(await app.job(id)).toMatchObject({ status: "dead", error: "no", fence_token: null });
  });
});

describe("retry_dead_letter", () => {
  it("pushes the job anew, with all its attempts, without its key, for who retries it", async () => {
    const letter = await deadLetter("q", {
      p_payload: '{"a": 1}',
      p_priority: 5,
      p_max_attempts: 2,
      p_tags: ["t"],
      p_metadata: '{"m": 1}',
      p_unique_key: "k",
    });
    await app.query("begin");
    await app.call("set_actor", { p_actor_id: "user:support" });
    const id = await retry(letter);
    await app.query("commit");
    expect(id).not.toBe(letter.original_job_id);
    expect(await app.job(id)).toMatchObject({
      queue: "q",
      status: "pending",
      attempts: 0,
      max_attempts: 2,
      payload: { a: 1 },
      priority: 5,
      tags: ["t"],
      metadata: { m: 1 },
      unique_key: null,
      error: null,
      actor_id: "user:support",
    });
    expect(await letters()).toEqual([]);
    expect(await letters({ p_with_retried: true })).toMatchObject([
      { id: letter.id, retry_job_id: id, retried_at: expect.any(Date) },
    ]);
  });

  it("pushes it onto another queue when asked", async () => {
    const id = await retry(await deadLetter(), { p_queue: "other" });
    expect(await app.job(id)).toMatchObject({ queue: "other" });
  });

  it("refuses one that was retried, and one that is not there", async () => {
    const letter = await deadLetter();
    const id = await retry(letter);
    expect(await refusalOf(retry(letter))).toMatchObject({
      code: "BIZ_DEAD_LETTER_ALREADY_RETRIED",
      sqlstate: "22023",
      message: `dead letter ${letter.id} was retried already, as job ${id}`,
    });
    expect(await refusalOf(retry({ ...letter, id: "9000000000000000000" }))).toMatchObject({
      code: "DATA_DEAD_LETTER_NOT_FOUND",
      sqlstate: "P0002",
    });
    expect((await app.rows("list_jobs", ofTenant({ p_status: "pending" }))).length).toBe(1);
  });

  it("can be done again with the letter that the retried job left", async () => {
    await retry(await deadLetter());
    await app.call("fail", held(await app.pull("q")));
    const [second] = await letters();
    expect(await retry(present(second))).toBeTypeOf("string");
  });
});

describe("retry_dead_letters", () => {
  it("retries those of one queue that were not, oldest first", async () => {
    const first = await deadLetter();
    const second = await deadLetter();
    const third = await deadLetter();
    await deadLetter("other");
    await retry(second);
    await app.query(
      "update queue.dead_letters set failed_at = now() - interval '1 day' where id = $1",
      [third.id],
    );
    const rows = await app.rows<{ dead_letter_id: string; job_id: string }>(
      "retry_dead_letters",
      ofTenant({ p_queue: "q", p_limit: 2 }),
    );
    expect(rows.map(({ dead_letter_id: id }) => id)).toEqual([third.id, first.id]);
    for (const { job_id: id } of rows)
      expect(await app.job(id)).toMatchObject({ status: "pending" });
    expect(await app.rows("retry_dead_letters", ofTenant({ p_queue: "q" }))).toEqual([]);
    expect(await letters()).toMatchObject([{ queue: "other" }]);
  });

  it("passes over those that somebody else is just retrying", async () => {
    const letter = await deadLetter();
    await using other = await openSession(db.app, tenant);
    await other.query("begin");
    await other.call("retry_dead_letter", ofTenant({ p_dead_letter_id: letter.id }));
    expect(await app.rows("retry_dead_letters", ofTenant({ p_queue: "q" }))).toEqual([]);
    await other.query("rollback");
    expect(await app.rows("retry_dead_letters", ofTenant({ p_queue: "q" }))).toHaveLength(1);
  });
});

describe("list_dead_letters", () => {
  it("lists the newest first, in pages, of one queue or of all", async () => {
    const ids: string[] = [];
    for (const name of ["q", "other", "q", "q"]) ids.unshift((await deadLetter(name)).id);
    expect((await letters()).map(({ id }) => id)).toEqual(ids);
    expect((await letters({ p_queue: "other" })).map(({ id }) => id)).toEqual([ids[2]]);
    const pages: string[] = [];
    for (let cursor: string | undefined; ; cursor = pages.at(-1)) {
      const page = await letters({ p_limit: 3, p_cursor: cursor });
      if (page.length === 0) break;
      pages.push(...page.map(({ id }) => id));
    }
    expect(pages).toEqual(ids);
  });
});

describe("purge_dead_letters", () => {
  const purge = (args: NamedArguments = {}) => app.call("purge_dead_letters", ofTenant(args));
  const age = (letter: Letter, days: number) =>
    app.query(
      "update queue.dead_letters set failed_at = now() - make_interval(days => $2) where id = $1",
      [letter.id, days],
    );

  it("deletes what is older than 30 days and was never retried", async () => {
    const [old, young, retried] = [await deadLetter(), await deadLetter(), await deadLetter()];
    await age(old, 31);
    await age(young, 29);
    await age(retried, 31);
    await retry(retried);
    expect(await purge()).toBe(1);
    expect((await letters({ p_with_retried: true })).map(({ id }) => id)).toEqual([
      retried.id,
      young.id,
    ]);
  });

  it("deletes those of one queue, by another age", async () => {
    await age(await deadLetter(), 2);
    await age(await deadLetter("other"), 2);
    expect(await purge({ p_queue: "q", p_older_than: "3 days" })).toBe(0);
    expect(await purge({ p_queue: "q", p_older_than: "1 day" })).toBe(1);
    expect(await purge({ p_older_than: "0" })).toBe(1);
  });

  it("leaves the dead job where it is", async () => {
    const letter = await deadLetter();
    expect(await purge({ p_older_than: "-1 hour" })).toBe(1);
    expect(await app.job(letter.original_job_id)).toMatchObject<Partial<Job>>({ status: "dead" });
  });
});
