import type { Contest, Discipline } from "@postkit/bench";
import type { TestDatabase } from "@postkit/testkit";
import type { Batch, Contestant } from "./support/contestant.ts";
import { ours } from "./support/contestants.ts";
import { drain } from "./support/drain.ts";
import { preload } from "./support/preload.ts";

const manyQueues = Array.from({ length: 20 }, (_, index) => `queue ${index}`);
const priorities = [0, 4, 9];
const delayMs = 24 * 60 * 60 * 1_000;

/** What else is there must not slow down the jobs that are worked on. */
export const contest: Contest = {
  name: "queue, backlogs",
  disciplines: ({ scale }) => {
    const count = Math.round(100_000 * scale);
    return ours.flatMap((contestant) => [
      behindReady(contestant, { count, backlog: 10 * count }),
      behindDelayed(contestant, { count, backlog: 2 * count }),
    ]);
  },
};

interface Sizes {
  /** Jobs that are worked on. */
  readonly count: number;
  /** Jobs that are there. */
  readonly backlog: number;
}

function behindReady(contestant: Contestant, { count, backlog }: Sizes): Discipline {
  return compare(contestant, {
    name: `the first ${count} of ${backlog} ready jobs, 20 queues, 3 priorities`,
    queues: manyQueues,
    count,
    alone: spread(count),
    together: spread(backlog),
    atLeast: 0.9,
  });
}

/** Jobs in all queues and priorities. */
function spread(count: number): Batch[] {
  const lanes = manyQueues.flatMap((queue) => priorities.map((priority) => ({ queue, priority })));
  return lanes.map((lane, index) => ({
    ...lane,
    count:
      Math.floor((count * (index + 1)) / lanes.length) - Math.floor((count * index) / lanes.length),
  }));
}

function behindDelayed(contestant: Contestant, { count, backlog }: Sizes): Discipline {
  const delayed = { count: backlog, priority: 9, runAt: new Date(Date.now() + delayMs) };
  return compare(contestant, {
    name: `${count} jobs behind ${backlog} delayed ones of higher priority`,
    queues: ["default"],
    count,
    alone: [{ count }],
    together: [{ count }, delayed],
    atLeast: 0.95,
  });
}

interface Comparison {
  readonly name: string;
  readonly queues: readonly string[];
  /** Jobs that are worked on. */
  readonly count: number;
  /** What is there when nothing else is, and what is there else. */
  readonly alone: readonly Batch[];
  readonly together: readonly Batch[];
  readonly atLeast: number;
}

function compare(contestant: Contestant, comparison: Comparison): Discipline {
  const { name, queues, count, alone, together, atLeast } = comparison;
  const entrant = (entrantName: string, batches: readonly Batch[]) => ({
    name: entrantName,
    async run(database: TestDatabase) {
      await using queue = await contestant.open(database, { queues, tuning: "best" });
      await preload(queue, database, batches);
      return { "jobs/s": await drain(queue, { count, left: "any" }) };
    },
  });
  const names = [`${contestant.name}, these alone`, contestant.name] as const;
  return {
    name,
    entrants: [entrant(names[0], alone), entrant(names[1], together)],
    targets: [{ entrant: names[1], figure: "jobs/s", against: names[0], atLeast }],
  };
}
