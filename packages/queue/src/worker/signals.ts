import type { Worker } from "./worker.ts";

interface Watch {
  readonly workers: Set<Worker>;
  readonly onSignal: () => void;
}

const watches = new Map<NodeJS.Signals, Watch>();

/** Drains a worker when the process is asked to end, and has it end as it would have once all such workers are drained. */
export function endOnSignals(worker: Worker, signals: readonly NodeJS.Signals[]): void {
  for (const signal of signals) {
    const { workers } = watches.get(signal) ?? watch(signal);
    workers.add(worker);
    void worker.drained.then(() => {
      workers.delete(worker);
      if (workers.size === 0) unwatch(signal, workers);
    });
  }
}

function watch(signal: NodeJS.Signals): Watch {
  const workers = new Set<Worker>();
  const onSignal = () => {
    // From here on another signal ends the process at once.
    unwatch(signal, workers);
    void Promise.allSettled([...workers].map((worker) => worker.drain())).then(() => {
      // Others that listen decide when the process ends; without any, it is the signal's usual effect.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  };
  const begun = { workers, onSignal };
  watches.set(signal, begun);
  process.on(signal, onSignal);
  return begun;
}

function unwatch(signal: NodeJS.Signals, workers: ReadonlySet<Worker>): void {
  const current = watches.get(signal);
  if (current?.workers !== workers) return;
  watches.delete(signal);
  process.off(signal, current.onSignal);
}
