import type { WorkerJob } from "./job.ts";

/** Told of every failure: of a handler, with its job, and of the worker itself. */
export type ErrorHook = (error: unknown, job?: WorkerJob) => unknown;

/** Told of a job that has become a dead letter, with what its last attempt failed with. */
export type DeadHook = (job: WorkerJob, error: unknown) => unknown;

export function errorHook(
  hook: ErrorHook = warnOfWorker,
): (error: unknown, job?: WorkerJob) => void {
  return harmless("onError", hook);
}

export function deadHook(hook: DeadHook = () => {}): (job: WorkerJob, error: unknown) => void {
  return harmless("onDead", hook);
}

/** The application's hook, so that what it throws, at once or later, makes a process warning and no harm. */
function harmless<Told extends unknown[]>(
  name: string,
  hook: (...told: Told) => unknown,
): (...told: Told) => void {
  const warnOfHook = (error: unknown) => warn(`${name} of a worker threw: `, error);
  return (...told) => {
    try {
      const answer = hook(...told);
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
