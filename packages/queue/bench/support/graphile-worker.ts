import { Logger, makeWorkerUtils, run, WorkerPreset } from "graphile-worker";
import pg from "pg";
import {
  type Contestant,
  type OpenOptions,
  payload,
  pushConnections,
  type Tuning,
  type WorkOptions,
} from "./contestant.ts";

const silent = new Logger(() => () => {});

export const graphileWorker: Contestant = {
  name: "graphile-worker",
  async open(database, { queues, tuning }) {
    const pgPool = openPool(database.ownerUrl, pushConnections);
    const utils = await makeWorkerUtils({ pgPool, logger: silent });
    await utils.migrate();
    const [firstQueue = ""] = queues;
    return {
      push: () => utils.addJob(firstQueue, payload),
      pushMany({ count, queue = firstQueue, priority = 0, runAt }) {
        // Here, a lower number is more urgent.
        const job = { identifier: queue, payload, priority: -priority, ...(runAt && { runAt }) };
        return utils.addJobs(Array.from({ length: count }, () => job));
      },
      work: (options) => work(database.ownerUrl, { ...options, queues, tuning }),
      async countUnfinished() {
        const { rows } = await database.super.query<{ count: number }>(
          "select count(*)::int as count from graphile_worker._private_jobs",
        );
        return rows[0]?.count ?? 0;
      },
      async [Symbol.asyncDispose]() {
        await utils.release();
        await pgPool.end();
      },
    };
  },
};

async function work(
  connectionString: string,
  { queues, tuning, onJob, concurrency }: OpenOptions & WorkOptions,
): Promise<AsyncDisposable> {
  const worker = { ...presets[tuning], ...(concurrency && { concurrentJobs: concurrency }) };
  // The same as its own pool, but one whose end can be waited for.
  const pgPool = openPool(connectionString, worker.maxPoolSize ?? 10);
  const runner = await run({
    pgPool,
    preset: { extends: [WorkerPreset], worker: { ...worker, logger: silent } },
    taskList: Object.fromEntries(queues.map((queue) => [queue, () => onJob()])),
    parsedCronItems: [],
    noHandleSignals: true,
  });
  return {
    async [Symbol.asyncDispose]() {
      await runner.stop();
      await pgPool.end();
    },
  };
}

function openPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max });
  // It warns about pools without these.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/**
 * The best is the configuration that its page on performance measures with, https://worker.graphile.org/docs/performance,
 * and a local queue of 2,000 in place of 500, which was faster.
 */
const presets: Record<Tuning, GraphileConfig.WorkerOptions> = {
  best: {
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 2_000 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
  defaults: {},
};
