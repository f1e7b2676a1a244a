import { setTimeout as delay } from "node:timers/promises";
import type { Contest } from "@postkit/bench";
import type { TestDatabase } from "@postkit/testkit";
import { ours } from "./support/contestants.ts";
import { ratePerSecond } from "./support/drain.ts";
import { saturate } from "./support/saturate.ts";

/** Shares of the jobs after which the tables are measured. */
const looks = [0.2, 0.4, 0.6, 0.8, 1];

/**
 * Tables that jobs pass through do not grow with the jobs that have passed: they have room for what dies between two rounds
 * of autovacuum, which comes once a minute by default. So the second half is looked at, minutes after the start.
 */
export const contest: Contest = {
  name: "queue, growth",
  disciplines: ({ scale }) =>
    ours.map((contestant) => {
      const count = Math.round(10_000_000 * scale);
      return {
        name: `${count} jobs, pushed and done, at most 22,000 waiting`,
        entrants: [
          {
            name: contestant.name,
            async run(database) {
              await using queue = await contestant.open(database, {
                queues: ["default"],
                tuning: "best",
              });
              await using load = await saturate(queue);
              const startedAt = performance.now();
              const figures: Record<string, number> = {};
              for (const share of looks) {
                while (load.handled < count * share) await delay(10);
                figures[`MB after ${share * 100} %`] = await megabytes(database);
              }
              figures["jobs/s"] = ratePerSecond(load.handled, performance.now() - startedAt);
              figures["end / after 60 %"] =
                (figures["MB after 100 %"] ?? 0) / (figures["MB after 60 %"] ?? 1);
              return figures;
            },
          },
        ],
        targets: [{ entrant: contestant.name, figure: "end / after 60 %", atMost: 1.05 }],
        roundsMax: 1,
      };
    }),
};

async function megabytes(database: TestDatabase): Promise<number> {
  const { rows } = await database.super.query<{ megabytes: number }>(
    `select sum(pg_total_relation_size(c.oid))::float8 / 1e6 as megabytes
     from pg_class c
     where c.oid in ('queue.ready'::regclass, 'queue.deferred'::regclass, 'queue.leases'::regclass,
       'queue.unique_keys'::regclass, 'queue.workers'::regclass, 'queue.floors'::regclass)`,
  );
  return rows[0]?.megabytes ?? 0;
}
