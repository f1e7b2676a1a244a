import { json, type CastParameter } from "@postkit/core";
import { queueError } from "./errors.ts";
import { knownKeys } from "./options.ts";
import { text } from "./parameters.ts";

/** What checks a payload: a zod schema, or anything else that has `parse` and throws. */
export interface PayloadSchema<Input = unknown, Output = unknown> {
  parse(value: unknown): Output;
  /** Where schemas that follow Standard Schema, as those of zod, say what they take and what they give. */
  readonly "~standard"?:
    | {
        readonly types?: { readonly input: Input; readonly output: Output } | undefined;
      }
    | undefined;
}

/** What the jobs of a queue have unless a push says otherwise. */
export interface QueueDefaults {
  /** Wait in milliseconds before a job may run, without effect where `runAt` is given. @defaultValue 0 */
  readonly delayMs?: number | undefined;
  /** -1000 to 1000, higher ones run first. @defaultValue 0 */
  readonly priority?: number | undefined;
  /** 1 to 30. @defaultValue the setting of the queue */
  readonly maxAttempts?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Any JSON value. */
  readonly metadata?: unknown;
}

/** A queue whose payloads are checked, made by {@link defineQueue}. */
export interface TypedQueue<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly payload: PayloadSchema<Input, Output>;
  readonly defaults: QueueDefaults;
}

/** A queue: its name, or one that {@link defineQueue} made. */
export type QueueRef = string | TypedQueue;

/** What may be pushed to a queue. */
export type PayloadInput<Q extends QueueRef> = Q extends TypedQueue<infer Input> ? Input : unknown;

/** What a worker of a queue gets. */
export type PayloadOutput<Q extends QueueRef> =
  Q extends TypedQueue<unknown, infer Output> ? Output : unknown;

type InputOf<S extends PayloadSchema> = S extends {
  readonly "~standard": { readonly types?: { readonly input: infer Input } | undefined };
}
  ? Input
  : ReturnType<S["parse"]>;

/**
 * A queue with a name, a schema for its payloads, and options that all its jobs have. It goes wherever a queue's name
 * does. What is pushed to it is checked as the JSON that it becomes, and stored as that; what a worker is given is what
 * the schema makes of it then.
 *
 * @example
 * const emails = defineQueue({
 *   name: "email",
 *   payload: z.object({ to: z.email(), subject: z.string().default("Hello") }),
 *   defaults: { maxAttempts: 5 },
 * });
 * await postkit.queue.push(emails, { to: "alice@example.com" });
 *
 * @throws `queue.VAL_QUEUE_NULL` without a name, `queue.VAL_PAYLOAD_INVALID` without a schema; `core.VAL_ARGUMENT` for a
 * key that is unknown
 */
export function defineQueue<S extends PayloadSchema>(definition: {
  readonly name: string;
  readonly payload: S;
  readonly defaults?: QueueDefaults | undefined;
}): TypedQueue<InputOf<S>, ReturnType<S["parse"]>> {
  const { name, payload, defaults = {} } = knownDefinition(definition);
  if (typeof name !== "string") throw queueError("VAL_QUEUE_NULL", "a queue needs a name");
  if (typeof payload?.parse !== "function") {
    throw queueError("VAL_PAYLOAD_INVALID", "a queue needs a schema for its payloads");
  }
  return Object.freeze({
    name,
    payload: payload as unknown as PayloadSchema<InputOf<S>, ReturnType<S["parse"]>>,
    defaults: Object.freeze({ ...knownDefaults(defaults) }),
  });
}

type QueueDefinition = Omit<TypedQueue, "defaults"> & {
  readonly defaults?: QueueDefaults | undefined;
};

const knownDefinition = knownKeys<QueueDefinition>("the definition of a queue", {
  name: true,
  payload: true,
  defaults: true,
});
const knownDefaults = knownKeys<QueueDefaults>("the defaults of a queue", {
  delayMs: true,
  priority: true,
  maxAttempts: true,
  tags: true,
  metadata: true,
});

/** The name of a queue as a parameter; none is refused by the database, rather than to be left to a default. */
export function queueName(queue: QueueRef | undefined): string | null {
  return text(isTyped(queue) ? queue.name : queue, "queue") ?? null;
}

export function queueDefaults(queue: QueueRef): QueueDefaults {
  return isTyped(queue) ? queue.defaults : {};
}

/** A payload as it is sent: checked where the queue is typed. */
export function payloadParameter(queue: QueueRef, payload: unknown): CastParameter {
  assertPayload(payload, "payload");
  checkPayload(queue, payload);
  return json(payload);
}

/** Undefined is no payload at all. */
export function assertPayload(payload: unknown, name: string): void {
  if (payload !== undefined) return;
  throw queueError("VAL_PAYLOAD_NULL", `${name} is undefined; null is a payload`);
}

/** Which of many payloads one is. */
interface Place {
  readonly name: string;
  readonly index: number;
}

/** Whether there is a payload is not its question. */
export function checkPayload(queue: QueueRef, payload: unknown, place?: Place): void {
  if (!isTyped(queue) || payload === undefined) return;
  parsePayload(queue, JSON.parse(json(payload).text ?? "null"), place);
}

/**
 * What the schema of a queue makes of a payload as it is stored.
 *
 * @throws `queue.VAL_PAYLOAD_INVALID`, with the schema's issues as its detail; for one of many payloads with its index as
 * well, as `{ index, issues }`
 */
export function parsePayload<Output>(
  queue: TypedQueue<unknown, Output>,
  payload: unknown,
  place?: Place,
): Output {
  try {
    return queue.payload.parse(payload);
  } catch (cause) {
    const issues = issuesOf(cause);
    const message = `${place?.name ?? "the payload"} is none of queue ${JSON.stringify(queue.name)}`;
    throw queueError("VAL_PAYLOAD_INVALID", `${message}${firstOf(issues)}`, {
      detail: place === undefined ? issues : { index: place.index, issues },
      cause,
    });
  }
}

function isTyped(queue: QueueRef | undefined): queue is TypedQueue {
  return typeof queue === "object" && queue !== null && typeof queue.payload?.parse === "function";
}

function issuesOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return error;
  return "issues" in error ? error.issues : (error as Partial<Error>).message;
}

/** Where the first issue is and what it says, for the message. */
function firstOf(issues: unknown): string {
  const first: unknown = Array.isArray(issues) ? issues[0] : issues;
  if (typeof first === "string") return `: ${first}`;
  if (typeof first !== "object" || first === null) return "";
  const { path, message } = first as { path?: unknown; message?: unknown };
  if (typeof message !== "string") return "";
  const place = Array.isArray(path) ? path.map(String).join(".") : "";
  return place === "" ? `: ${message}` : `: ${place}: ${message}`;
}
