import type { WorkerJob } from "./job.ts";

/** Told of every failure: of a handler, with its job, and of the worker itself. */
export type ErrorHook = (error: unknown, job?: WorkerJob) => unknown;

/** The application's hook, so that what it throws, at once or later, makes a process warning and no harm. */
export function errorHook(
  hook: ErrorHook = warnOfWorker,
): (error: unknown, job?: WorkerJob) => void {
  const warnOfHook = (error: unknown) => warn("onError of a worker threw: ", error);
  return (error, job) => {
    try {
      const answer = hook(error, job);
      if (answer instanceof Promise) answer.catch(warnOfHook);
    } catch (thrown) {
      warnOfHook(thrown);
    }
  };
}

/** What handlers throw is kept with their jobs. */
function warnOfWorker(error: unknown, job?: WorkerJob): void {
  if (job === undefined) warn("", error);
}

function warn(what: string, error: unknown): void {
  process.emitWarning(what + (error instanceof Error ? error.message : String(error)), {
    type: "PostkitWarning",
    code: "QUEUE_WORKER",
  });
}
