import type { Postkit } from "@postkit/core";
import { defineQueue, UnrecoverableError, type queue } from "@postkit/queue";
import { z } from "zod";
import { say, title } from "./say.ts";
import { until } from "./until.ts";

type Queue = Postkit<{ queue: typeof queue }>;

const mails = defineQueue({ name: "mail", payload: z.object({ to: z.string() }) });

/** What queue does. */
export async function showJobs(postkit: Queue): Promise<void> {
  await pushInTransactions(postkit);
  await workAndFail(postkit);
  await runBySchedule(postkit);
  await drainMany(postkit);
}

async function pushInTransactions(postkit: Queue): Promise<void> {
  title("A job, pushed in the transaction of the application, and in plain SQL");
  await postkit.transaction(async (tx) => {
    await tx.query("create temp table orders (id int primary key) on commit drop");
    await tx.query("insert into orders (id) values (1)");
    await tx.queue.push(mails, { to: "alice" }, { uniqueKey: "order:1" });
    say(`  postkit.queue.push(mails, { to: "alice" }, { uniqueKey: "order:1" })`);
    const again = await tx.queue.push(mails, { to: "alice" }, { uniqueKey: "order:1" });
    say(`  the same once more: ${again === null ? "its key is taken" : "pushed"}`);
    const sql = `select queue.push($1, 'mail', '{"to": "bob"}')`;
    await tx.query("select queue.set_tenant($1)", [tx.namespace]);
    await tx.query(sql, [tx.namespace]);
    say(`  ${sql}`);
  });
  await postkit
    .transaction(async (tx) => {
      await tx.queue.push(mails, { to: "carol" });
      throw new Error("the payment was refused");
    })
    .catch(() => say("  rolled back, and with it the mail to carol"));
}

async function workAndFail(postkit: Queue): Promise<void> {
  title("A worker, a failure that is tried again, and a dead letter");
  await postkit.queue.setConfig({ backoffKind: "constant", backoffBase: 100 });
  await postkit.queue.push(mails, { to: "dave" });
  let doneCount = 0;
  let isErinKnown = false;
  await using worker = postkit.queue.work(
    mails,
    ({ payload: { to }, attempts }) => {
      if (to === "dave" && attempts === 1) throw new Error("451 try again");
      if (to === "erin" && !isErinKnown) throw new UnrecoverableError("550 no such user");
      say(`  mail to ${to.padEnd(6)} done at attempt ${attempts}`);
      doneCount += 1;
    },
    { concurrency: 1, onError: (error, job) => job && say(`  ${firstLine(error)}`) },
  );
  await until(() => doneCount === 3);

  await postkit.queue.push(mails, { to: "erin" });
  await until(async () => (await postkit.queue.listDeadLetters()).length > 0);
  for (const { reasonCode, payload } of await postkit.queue.listDeadLetters()) {
    say(`  dead letter, ${reasonCode}: ${JSON.stringify(payload)}`);
  }
  isErinKnown = true;
  // Told before the commit: after it a worker may be first.
  await postkit.transaction(async (tx) => {
    const retried = await tx.queue.retryDeadLetters(mails);
    say(`  dead letters retried: ${retried.length}`);
  });
  await until(() => doneCount === 4);
  await worker.drain();
  const { pending, running } = await postkit.queue.getStats();
  say(`  jobs that wait: ${pending}, that run: ${running}`);
}

async function runBySchedule(postkit: Queue): Promise<void> {
  title("Schedules");
  await postkit.queue.upsertSchedule("digest", {
    queue: "digest",
    payload: {},
    cronExpression: "0 7 * * mon-fri",
    cronTimezone: "Europe/Berlin",
  });
  const digest = await postkit.queue.getSchedule("digest");
  say(`  0 7 * * mon-fri in Berlin runs next at ${digest?.nextRunAt?.toISOString()}`);
  await postkit.queue.upsertSchedule("tick", { queue: "tick", payload: {}, everyInterval: 1_000 });
  let metadata: unknown;
  await using worker = postkit.queue.work("tick", (job) => {
    metadata ??= job.metadata;
  });
  await until(() => metadata !== undefined);
  const { schedule } = metadata as { schedule: string };
  say(`  every second: a job of schedule "${schedule}" has run`);
  await worker.drain();
  for (const name of ["digest", "tick"]) await postkit.queue.deleteSchedule(name);
}

async function drainMany(postkit: Queue): Promise<void> {
  const jobCount = 20_000;
  title(`${jobCount} jobs that do nothing`);
  const pushedAt = performance.now();
  for (let pushed = 0; pushed < jobCount; pushed += 1_000) {
    await postkit.queue.pushBatch("noop", Array<null>(1_000).fill(null));
  }
  say(`  pushed by the thousand:      ${perSecond(jobCount, pushedAt)}`);
  let doneCount = 0;
  let onDone = () => {};
  const allDone = new Promise<void>((resolve) => (onDone = resolve));
  const workedAt = performance.now();
  await using worker = postkit.queue.work("noop", () => {
    doneCount += 1;
    if (doneCount === jobCount) onDone();
  });
  await allDone;
  await worker.drain();
  say(`  worked, in one process:      ${perSecond(jobCount, workedAt)}`);
}

function perSecond(count: number, sinceMs: number): string {
  return `${Math.round((count * 1_000) / (performance.now() - sinceMs))} a second`;
}

function firstLine(error: unknown): string {
  return String(error).split("\n")[0] ?? "";
}
