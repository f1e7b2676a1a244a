import type { TestDatabase } from "@postkit/testkit";
import { PgBoss, type WorkOptions as BossWorkOptions } from "pg-boss";
import {
  type Contestant,
  type OpenOptions,
  payload,
  pushConnections,
  type Tuning,
  type WorkOptions,
} from "./contestant.ts";

export const pgBoss: Contestant = {
  name: "pg-boss",
  async open(database, { queues, tuning }) {
    // Only pushes; what maintains the tables runs with the workers.
    const boss = await start({
      connectionString: database.ownerUrl,
      max: pushConnections,
      supervise: false,
      schedule: false,
    });
    for (const queue of queues) await boss.createQueue(queue, { notify: tuning === "best" });
    const [firstQueue = ""] = queues;
    return {
      push: () => boss.send(firstQueue, payload),
      pushMany({ count, queue = firstQueue, priority = 0, runAt }) {
        const job = { data: payload, priority, ...(runAt && { startAfter: runAt }) };
        return boss.insert(
          queue,
          Array.from({ length: count }, () => job),
        );
      },
      work: (options) => work(database.ownerUrl, { ...options, queues, tuning }),
      countUnfinished: () => countUnfinished(database),
      [Symbol.asyncDispose]: () => boss.stop(),
    };
  },
};

async function start(options: ConstructorParameters<typeof PgBoss>[0] & object): Promise<PgBoss> {
  const boss = new PgBoss(options);
  boss.on("error", (error) => {
    throw error;
  });
  return boss.start();
}

async function work(
  connectionString: string,
  { queues, tuning, onJob, concurrency }: OpenOptions & WorkOptions,
): Promise<AsyncDisposable> {
  const boss = await start({ connectionString, useListenNotify: tuning === "best" });
  const options = {
    ...workOptions[tuning],
    ...(concurrency && { batchSize: concurrency, localConcurrency: 1 }),
  };
  for (const queue of queues) {
    await boss.work(queue, options, async (jobs) => {
      await Promise.all(jobs.map(async () => onJob()));
    });
  }
  return { [Symbol.asyncDispose]: () => boss.stop() };
}

/**
 * The best takes large batches without a pause while they come back full, and is woken by notifications, as its page on
 * workers advises, https://timgit.github.io/pg-boss/api/workers; these sizes were the fastest.
 */
const workOptions: Record<Tuning, BossWorkOptions> = {
  best: {
    batchSize: 2_000,
    localConcurrency: 4,
    pollingIntervalSeconds: 0.5,
    notifyPollingIntervalSeconds: 0.5,
    burstWhenBatchFull: true,
  },
  defaults: {},
};

async function countUnfinished(database: TestDatabase): Promise<number> {
  const { rows } = await database.super.query<{ count: number }>(
    "select count(*)::int as count from pgboss.job where state < 'completed'",
  );
  return rows[0]?.count ?? 0;
}
