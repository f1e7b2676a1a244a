import type { Contest, Discipline } from "@postkit/bench";
import type { TestDatabase } from "@postkit/testkit";
import type { Contestant, Tuning } from "./support/contestant.ts";
import { everyone, ours } from "./support/contestants.ts";
import { measureCosts } from "./support/costs.ts";
import { drain } from "./support/drain.ts";
import { preload } from "./support/preload.ts";

/** No-op jobs from their push to their completion, in one process. */
export const contest: Contest = {
  name: "queue, draining",
  disciplines({ scale }) {
    const count = Math.round(100_000 * scale);
    return [best(count), defaults(count, 10_000 * Math.max(scale, 0.2))];
  },
};

function best(count: number): Discipline {
  return {
    name: `${count} no-op jobs, preloaded, best settings`,
    entrants: everyone.map((contestant) => ({
      name: contestant.name,
      async run(database) {
        // Installs it, which is not to count.
        await (await open(contestant, database, "best"))[Symbol.asyncDispose]();
        const { result, costs } = await measureCosts(database, async () => {
          await using queue = await open(contestant, database, "best");
          await preload(queue, database, [{ count }]);
          return await drain(queue, { count });
        });
        return {
          "jobs/s": result,
          "log bytes/job": costs.walBytes / count,
          "commits/job": costs.commits / count,
        };
      },
    })),
    targets: ours.flatMap(({ name: entrant }) => [
      { entrant, figure: "jobs/s", against: "graphile-worker", atLeast: 3 },
      { entrant, figure: "jobs/s", against: "pg-boss", atLeast: 7 },
      { entrant, figure: "log bytes/job", atMost: 1_200 },
      { entrant, figure: "commits/job", atMost: 0.05 },
    ]),
  };
}

/** Ends after a time, since who takes one job at a time would be at it for hours. */
function defaults(count: number, msMax: number): Discipline {
  return {
    name: `${count} no-op jobs, preloaded, defaults, for ${msMax / 1_000} s`,
    entrants: everyone.map((contestant) => ({
      name: contestant.name,
      async run(database) {
        await using queue = await open(contestant, database, "defaults");
        await preload(queue, database, [{ count }]);
        return { "jobs/s": await drain(queue, { count, msMax }) };
      },
    })),
    targets: ours.map(({ name: entrant }) => ({
      entrant,
      figure: "jobs/s",
      against: "graphile-worker",
      atLeast: 8,
    })),
  };
}

function open(contestant: Contestant, database: TestDatabase, tuning: Tuning) {
  return contestant.open(database, { queues: ["default"], tuning });
}
