import { createPostkit, migrate, type Postkit } from "@postkit/core";
import { queue } from "@postkit/queue";
import {
  type Contestant,
  payload,
  pushConnections,
  type Tuning,
  type WorkOptions,
} from "./contestant.ts";

const namespace = "acme";

/** Works as the application's role, bound by row level security. */
export const postkit: Contestant = {
  name: "postkit",
  async open(database, { queues, tuning }) {
    await migrate(database.owner, {
      modules: [queue],
      grantTo: [{ role: database.appRole, kinds: ["app", "worker"] }],
    });
    const pushing = connect(database.appUrl, { tuning, max: pushConnections });
    const [firstQueue = ""] = queues;
    return {
      push: () => pushing.queue.push(firstQueue, payload),
      pushMany({ count, queue: name = firstQueue, priority = 0, runAt }) {
        const one = { queue: name, payload, priority, runAt };
        if (runAt !== undefined)
          return pushing.queue.pushMany(Array.from({ length: count }, () => one));
        const payloads = Array.from({ length: count }, () => payload);
        return pushing.queue.pushBatch(name, payloads, { priority });
      },
      async work(options) {
        const working = connect(database.appUrl, { tuning, max: 10 });
        const worker = working.queue.work(queues, () => options.onJob(), settings(tuning, options));
        return {
          async [Symbol.asyncDispose]() {
            await worker.drain();
            await working.close();
          },
        };
      },
      async countUnfinished() {
        const { rows } = await database.super.query<{ count: number }>(
          `select (select count(*) from queue.ready)::int + (select count(*) from queue.deferred)::int
             + (select count(*) from queue.leases)::int as count`,
        );
        return rows[0]?.count ?? 0;
      },
      [Symbol.asyncDispose]: () => pushing.close(),
    };
  },
};

function connect(
  connectionString: string,
  { tuning, max }: { tuning: Tuning; max: number },
): Postkit<{ queue: typeof queue }> {
  return createPostkit({
    connectionString,
    namespace,
    modules: { queue },
    pool: { max },
    prepare: tuning === "best",
  });
}

function settings(tuning: Tuning, { concurrency }: WorkOptions) {
  if (concurrency !== undefined) return { concurrency };
  return tuning === "best" ? { concurrency: 100 } : {};
}
