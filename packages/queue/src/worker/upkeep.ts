import { interval, type Caller } from "@postkit/core";
import { z } from "zod";

/** Many workers look after the queues, each of them this often; together they do it no more often than one. */
const unlessWithin = interval(800);

const Upkeep = z.object({ problems: z.array(z.string()) });

/**
 * Does what has to be done for all tenants, where the role was granted worker.
 *
 * @throws what went wrong in a part of it, after the others were done
 */
export async function lookAfterAll(caller: Caller): Promise<void> {
  const [done] = await caller.unscoped.rows(
    "queue.maintain",
    { p_unless_within: unlessWithin },
    Upkeep,
  );
  const problems = done?.problems ?? [];
  if (problems.length > 0) throw new Error(`queue.maintain: ${problems.join("; ")}`);
}
