import { z } from "zod";

/** What proves that a job is held. */
export interface Held {
  readonly namespace: string;
  readonly id: string;
  readonly fence: string;
}

/** A job as its handler gets it. */
export interface WorkerJob<Payload = unknown> extends Held {
  readonly queue: string;
  readonly payload: Payload;
  readonly priority: number;
  /** Which attempt this is, from 1. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly scheduledAt: Date;
  readonly createdAt: Date;
  /** What the attempt before failed with. */
  readonly error: string | null;
  readonly uniqueKey: string | null;
  readonly tags: readonly string[];
  readonly metadata: unknown;
  readonly actorId: string | null;
  readonly requestId: string | null;
  readonly onBehalfOf: string | null;
  readonly reason: string | null;
}

/** A job as the database gives it to a worker's loop, which may leave out what is null. */
export interface JobRow {
  readonly namespace?: string;
  readonly id: string;
  readonly fence_token: string;
  readonly queue: string;
  readonly payload: unknown;
  readonly priority: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly created_at: string;
  /** When it is not that of its creation. */
  readonly scheduled_at?: string;
  readonly error?: string | null;
  readonly unique_key?: string | null;
  readonly tags?: readonly string[];
  readonly metadata?: unknown;
  readonly actor_id?: string | null;
  readonly request_id?: string | null;
  readonly on_behalf_of?: string | null;
  readonly reason?: string | null;
}

/** The answer to an exchange. Its jobs are not looked at one by one: they come by the thousand from our own function. */
export const Exchange = z.object({
  jobs: z.custom<JobRow[]>(Array.isArray),
  stale: z.array(z.string()),
  due_in_ms: z.number().nullable(),
});

export function jobOf(row: JobRow, namespace: string): WorkerJob {
  return {
    namespace,
    id: row.id,
    fence: row.fence_token,
    queue: row.queue,
    payload: row.payload,
    priority: row.priority,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    scheduledAt: new Date(row.scheduled_at ?? row.created_at),
    createdAt: new Date(row.created_at),
    error: row.error ?? null,
    uniqueKey: row.unique_key ?? null,
    tags: row.tags ?? [],
    metadata: row.metadata ?? null,
    actorId: row.actor_id ?? null,
    requestId: row.request_id ?? null,
    onBehalfOf: row.on_behalf_of ?? null,
    reason: row.reason ?? null,
  };
}
