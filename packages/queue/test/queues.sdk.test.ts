import { createPostkit, isPostkitError, type PostkitError, type QueryEvent } from "@postkit/core";
import { defineQueue, queue, type PayloadInput, type PayloadOutput } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";

import { parsePayload } from "../src/queues.ts";

const emails = defineQueue({
  name: "email",
  payload: z.object({
    to: z.string().min(3),
    subject: z.string().default("Hello"),
    sendAt: z.iso.datetime().transform((text) => new Date(text)),
  }),
  defaults: { maxAttempts: 7, priority: 5, tags: ["mail"], metadata: { source: "default" } },
});
const counts = defineQueue({ name: "count", payload: z.number() });
/** Anything with `parse`, of no library. */
const upper = defineQueue({
  name: "upper",
  payload: {
    parse(value: unknown): Uppercase<string> {
      if (typeof value !== "string" || value !== value.toUpperCase()) throw new Error("too low");
      return value as Uppercase<string>;
    },
  },
});
const email = { to: "alice", sendAt: "2030-01-01T00:00:00Z" };

let db: TestDatabase;
const sent: QueryEvent[] = [];
const open = (namespace: string) =>
  createPostkit({
    db: db.app,
    namespace,
    modules: { queue },
    onQuery: (event) => sent.push(event),
  }).queue;
let client: ReturnType<typeof open>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
});
afterAll(() => db.drop());

/** Each test has a tenant of its own. */
let tests = 0;
beforeEach(() => {
  tests += 1;
  client = open(`tenant ${tests}`);
  sent.length = 0;
});

async function refused(work: Promise<unknown>): Promise<PostkitError> {
  const error: unknown = await work.then(
    () => new Error("It was not refused."),
    (reason: unknown) => reason,
  );
  if (!isPostkitError(error)) throw error;
  return error;
}

describe("a typed queue", () => {
  it("takes what its schema takes, and gives a worker what the schema gives", () => {
    expectTypeOf<PayloadInput<typeof emails>>().toEqualTypeOf<{
      to: string;
      subject?: string | undefined;
      sendAt: string;
    }>();
    expectTypeOf<PayloadOutput<typeof emails>>().toEqualTypeOf<{
      to: string;
      subject: string;
      sendAt: Date;
    }>();
    expectTypeOf<PayloadInput<"email">>().toBeUnknown();
    expectTypeOf<PayloadInput<typeof upper>>().toEqualTypeOf<Uppercase<string>>();
    const misuses = (own: typeof client) => [
      // @ts-expect-error there is no such field's type
      own.push(emails, { to: 1, sendAt: "" }),
      // @ts-expect-error a field is missing
      own.pushBatch(emails, [{ to: "alice" }]),
      own.pushMany([
        { queue: emails, payload: email },
        // @ts-expect-error the first is of its queue, this one is not
        { queue: counts, payload: "1" },
      ]),
      // @ts-expect-error a schedule's payload is checked too
      own.createSchedule("s", { queue: counts, payload: "1", everyInterval: 1000 }),
      // @ts-expect-error many jobs cannot have one key
      own.pushBatch(emails, [email], { uniqueKey: "a" }),
    ];
    expect(misuses).toBeTypeOf("function");
  });

  it("is frozen, with its defaults", () => {
    expect(Object.isFrozen(emails)).toBe(true);
    expect(Object.isFrozen(emails.defaults)).toBe(true);
    expect(counts).toMatchObject({ name: "count", defaults: {} });
  });

  it("goes wherever a name does", async () => {
    const id = await client.push(emails, email);
    expect(await client.pauseQueue(emails)).toBe(true);
    expect(await client.pull(emails)).toBeNull();
    expect(await client.getConfig({ queue: emails })).toMatchObject({ pausedAt: expect.any(Date) });
    expect(await client.resumeQueue(emails)).toBe(true);
    expect(await client.listJobs({ queue: emails })).toMatchObject([{ id, queue: "email" }]);
    expect(await client.getQueueStats({ queue: emails })).toMatchObject([{ pending: "1" }]);
    const job = await client.pullAny([counts, emails]);
    expect(job).toMatchObject({ id });
    await client.fail(job ?? { id: "", fence: null });
    expect(await client.listDeadLetters({ queue: emails })).toHaveLength(1);
    expect(await client.retryDeadLetters(emails)).toHaveLength(1);
    expect(await client.purgeQueue(emails)).toBe(1);
  });

  it("gives its jobs its defaults, unless a push says otherwise", async () => {
    const [plain, own] = [
      await client.push(emails, email),
      await client.push(emails, email, { priority: 0, tags: [], maxAttempts: undefined }),
    ];
    expect(await client.getJob(plain ?? "")).toMatchObject({
      priority: 5,
      maxAttempts: 7,
      tags: ["mail"],
      metadata: { source: "default" },
    });
    expect(await client.getJob(own ?? "")).toMatchObject({ priority: 0, maxAttempts: 7, tags: [] });
    const [batched] = await client.pushBatch(emails, [email]);
    const [many] = await client.pushMany([{ queue: emails, payload: email, priority: 9 }]);
    for (const [id, priority] of [
      [batched, 5],
      [many, 9],
    ] as const) {
      expect(await client.getJob(id ?? "")).toMatchObject({
        priority,
        maxAttempts: 7,
        metadata: { source: "default" },
      });
    }
    await client.createSchedule("daily", { queue: emails, payload: email, everyInterval: "P1D" });
    expect(await client.getSchedule("daily")).toMatchObject({ priority: 5, maxAttempts: 7 });
  });

  it("has a default delay that gives way to a time of the job's own", async () => {
    const later = defineQueue({
      name: "later",
      payload: z.null(),
      defaults: { delayMs: 3_600_000 },
    });
    const runAt = new Date("2031-01-01T00:00:00Z");
    const ids = [
      await client.push(later, null),
      await client.push(later, null, { runAt }),
      ...(await client.pushBatch(later, [null])),
      ...(await client.pushBatch(later, [null], { runAt })),
      ...(await client.pushMany([{ queue: later, payload: null, runAt }])),
    ];
    const times = await Promise.all(ids.map(async (id) => client.getJob(id ?? "")));
    expect(times.map((job) => job?.scheduledAt.getTime() === runAt.getTime())).toEqual([
      false,
      true,
      false,
      true,
      true,
    ]);
    const waits = times.map((job) => Number(job?.scheduledAt) - Number(job?.createdAt));
    expect([waits[0], waits[2]]).toEqual([3_600_000, 3_600_000]);
  });

  it("stores what was given, not what the schema made of it", async () => {
    const id = await client.push(emails, email);
    expect((await client.getJob(id ?? ""))?.payload).toEqual(email);
  });

  it.each<[string, () => Promise<unknown>]>([
    ["push", () => client.push(emails, { ...email, to: "a" })],
    ["pushBatch", () => client.pushBatch(emails, [email, { ...email, to: "a" }])],
    ["pushMany", () => client.pushMany([{ queue: emails, payload: { ...email, to: "a" } }])],
    [
      "createSchedule",
      () =>
        client.createSchedule("s", {
          queue: emails,
          payload: { ...email, to: "a" },
          everyInterval: 1,
        }),
    ],
    [
      "updateSchedule",
      () => client.updateSchedule("s", { queue: emails, payload: { ...email, to: "a" } }),
    ],
  ])("refuses another payload before anything is sent, in %s", async (method, push) => {
    const error = await refused(push());
    const issues = [{ code: "too_small", path: ["to"] }];
    const index = { pushBatch: 1, pushMany: 0 }[method];
    expect(error).toMatchObject({
      module: "queue",
      code: "VAL_PAYLOAD_INVALID",
      sqlstate: "22023",
      detail: index === undefined ? issues : { index, issues },
    });
    expect(error.cause).toBeInstanceOf(z.ZodError);
    expect(sent).toEqual([]);
  });

  it("checks the JSON that a payload becomes, which is all that a worker will see", async () => {
    const dates = defineQueue({ name: "dates", payload: z.object({ at: z.date() }) });
    expect(await refused(client.push(dates, { at: new Date() }))).toMatchObject({
      code: "VAL_PAYLOAD_INVALID",
    });
    const coerced = defineQueue({ name: "dates", payload: z.object({ at: z.coerce.date() }) });
    const id = await client.push(coerced, { at: new Date(0) });
    const job = await client.getJob(id ?? "");
    expect(job?.payload).toEqual({ at: "1970-01-01T00:00:00.000Z" });
    expect(parsePayload(coerced, job?.payload)).toEqual({ at: new Date(0) });
  });

  it("tells what a schema without issues had to say", async () => {
    expect(await client.push(upper, "A")).toMatch(/^\d+$/);
    expect(await refused(client.push(upper, "a" as Uppercase<string>))).toMatchObject({
      code: "VAL_PAYLOAD_INVALID",
      detail: "too low",
    });
  });

  it("has no payload that is nothing", async () => {
    expect(await refused(client.push(counts, undefined as never))).toMatchObject({
      code: "VAL_PAYLOAD_NULL",
    });
    expect(await refused(client.pushBatch(counts, [undefined as never]))).toMatchObject({
      code: "VAL_PAYLOAD_NULL",
    });
  });

  it("is refused without a name or a schema", () => {
    const payload = z.unknown();
    expect(() => defineQueue({ name: undefined as never, payload })).toThrow(
      expect.objectContaining({ code: "VAL_QUEUE_NULL" }) as Error,
    );
    for (const none of [undefined, {}, { parse: 1 }]) {
      expect(() => defineQueue({ name: "a", payload: none as never })).toThrow(
        expect.objectContaining({ code: "VAL_PAYLOAD_INVALID" }) as Error,
      );
    }
  });
});
