/** Works on the queue `q` of a tenant and prints what it does. Its one argument says how. */
import { setTimeout as delay } from "node:timers/promises";

import type { ProgramOptions } from "./program.ts";
import { connect } from "./works.ts";

const {
  url,
  tenant,
  options,
  workers: count = 1,
  handlerMs = 0,
  blockAfter = Infinity,
  drainAfter = Infinity,
  effects,
} = JSON.parse(process.argv[2] ?? "{}") as ProgramOptions & { url: string; tenant: string };

const postkit = connect(url, tenant);
let done = 0;

const workers = Array.from({ length: count }, () =>
  postkit.queue.work(
    "q",
    async ({ id, fence, payload }) => {
      console.log(`begin ${String(payload)}`);
      if (effects !== undefined) {
        await postkit.pool.query(`insert into ${effects} (job_id, fence) values ($1, $2)`, [
          id,
          fence,
        ]);
      }
      if (done >= blockAfter) await new Promise(() => {});
      if (handlerMs > 0) await delay(handlerMs);
      console.log(`end ${String(payload)}`);
      done += 1;
      if (done === drainAfter) void end();
    },
    { concurrency: 1, pollIntervalMs: 3_600_000, ...options },
  ),
);

async function end(): Promise<void> {
  await Promise.all(workers.map((worker) => worker.drain()));
  await postkit.close();
  console.log("drained");
}
