import type { Caller } from "@postkit/core";
import { config, type Config } from "./config.ts";
import { deadLetters, type DeadLetters } from "./dead-letters.ts";
import { argumentError } from "./errors.ts";
import { jobs, type Jobs } from "./jobs.ts";
import { leases, type Leases } from "./leases.ts";
import { maintenance, type Maintenance } from "./maintenance.ts";
import { schedules, type Schedules } from "./schedules.ts";
import { statistics, type Statistics } from "./stats.ts";
import { waitFor, type WaitFor } from "./wait-for.ts";
import { work, type Work } from "./worker/work.ts";

/** The typed client of queue inside a transaction. */
export interface TransactionQueueClient
  extends Jobs, Leases, DeadLetters, Schedules, Config, Statistics, Maintenance {}

/** The typed client of queue: one method a function of the schema, flat. */
export interface QueueClient extends TransactionQueueClient, WaitFor, Work {}

/** How the functions for tests reach the database of a client, which shows it to nobody else. */
const callers = new WeakMap<TransactionQueueClient, Caller>();

export function createQueueClient(caller: Caller): QueueClient {
  const itsJobs = jobs(caller);
  const client = Object.freeze({
    ...itsJobs,
    ...leases(caller),
    ...deadLetters(caller),
    ...schedules(caller),
    ...config(caller),
    ...statistics(caller),
    ...maintenance(caller),
    ...waitFor(caller, itsJobs),
    ...work(caller),
  });
  callers.set(client, caller);
  return client;
}

/** @throws `core.VAL_ARGUMENT` for what is no client of queue */
export function callerOf(client: TransactionQueueClient): Caller {
  const caller = callers.get(client);
  if (caller === undefined) throw argumentError("a client of queue is needed: postkit.queue");
  return caller;
}
