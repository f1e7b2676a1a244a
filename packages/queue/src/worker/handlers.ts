import type { Handle } from "@postkit/core";
import { argumentError } from "../errors.ts";
import { parsePayload, type PayloadOutput, type QueueRef } from "../queues.ts";
import type { JobHandler } from "./run-job.ts";

/** What handles the jobs of a queue, or of several: its payload is what their schemas make of it. */
export type HandlerOf<Q extends QueueRef | readonly QueueRef[], H> = JobHandler<
  PayloadOutput<
    Q extends readonly (infer One extends QueueRef)[] ? One : Q extends QueueRef ? Q : never
  >,
  H
>;

/** What runs the jobs of a queue, with what reads their payloads. */
export interface QueueHandler {
  /** Left out for a queue whose payloads are taken as they are. */
  readonly parse?: ((payload: unknown) => unknown) | undefined;
  readonly handle: JobHandler<unknown, Handle>;
}

/**
 * Handlers by the name of their queue, in the order in which the queues are served.
 *
 * @throws `core.VAL_ARGUMENT` for no queue, or what is no handler
 */
export function handlersOf(
  queues: QueueRef | readonly QueueRef[],
  handler: unknown,
): ReadonlyMap<string, QueueHandler> {
  if (typeof handler !== "function") throw argumentError("jobs take a handler");
  const list = (Array.isArray(queues) ? queues : [queues]) as readonly QueueRef[];
  if (list.length === 0) throw argumentError("at least one queue is needed");
  return new Map(
    list.map((queue) => [
      nameOf(queue),
      {
        parse: typeof queue === "string" ? undefined : (payload) => parsePayload(queue, payload),
        handle: handler as JobHandler<unknown, Handle>,
      },
    ]),
  );
}

function nameOf(queue: QueueRef): string {
  const name =
    typeof queue === "string" ? queue : (queue as QueueRef | undefined as { name?: unknown })?.name;
  if (typeof name !== "string") throw argumentError("a queue is a name, or made by defineQueue");
  return name;
}
