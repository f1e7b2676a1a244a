import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { expect, it } from "vitest";

import { compete } from "../src/compete.ts";
import type { Entrant } from "../src/contest.ts";
import { contestReport } from "../src/contest-report.ts";

const options = { rounds: 3, openDatabase: () => createTestDatabase() };

/** Reaches these rates, round by round. */
function entrant(
  name: string,
  rates: readonly number[],
  onRun?: (of: TestDatabase) => void,
): Entrant {
  let round = 0;
  return {
    name,
    async run(database) {
      onRun?.(database);
      round += 1;
      return { "jobs/s": rates[round - 1] ?? 0 };
    },
  };
}

it("runs all in every round, forwards and then backwards, each in a database of its own", async () => {
  const runs: string[] = [];
  const databases = new Set<string>();
  const entrants = ["a", "b"].map((name) =>
    entrant(name, [1, 1, 1], (database) => {
      runs.push(name);
      databases.add(database.name);
    }),
  );
  await compete({ name: "order", entrants }, options);
  expect(runs.join("")).toBe("abbaab");
  expect(databases.size).toBe(6);
});

it("takes ratios within a round, and their median", async () => {
  const entrants = [entrant("slow", [10, 20, 40]), entrant("fast", [20, 100, 120])];
  const { standings } = await compete({ name: "ratios", entrants }, options);
  const spreads = standings.map(({ seen, ratio }) => ({ seen, ratio }));
  expect(spreads).toEqual([
    { seen: { median: 20, low: 10, high: 40 }, ratio: undefined },
    { seen: { median: 100, low: 20, high: 120 }, ratio: { median: 3, low: 2, high: 5 } },
  ]);
});

it("says which targets were met", async () => {
  const entrants = [entrant("slow", [10, 10, 10]), entrant("fast", [29, 30, 31])];
  const targets = [
    { entrant: "fast", figure: "jobs/s", against: "slow", atLeast: 3 },
    { entrant: "fast", figure: "jobs/s", against: "slow", atLeast: 3.1 },
    { entrant: "fast", figure: "jobs/s", atMost: 30 },
    { entrant: "fast", figure: "jobs/s", atMost: 29 },
    { entrant: "fast", figure: "no such figure", atMost: 29 },
  ];
  const outcome = await compete({ name: "targets", entrants, targets }, options);
  expect(outcome.verdicts.map(({ isMet }) => isMet)).toEqual([true, false, true, false, false]);
  const text = contestReport(outcome);
  expect(text).toContain("met: fast, jobs/s against slow: 3 (2.9 - 3.1), at least 3\n");
  expect(text).toContain("MISSED: fast, jobs/s: 30 (29 - 31), at most 29\n");
});

it("runs no more rounds than a discipline takes", async () => {
  const entrants = [entrant("long", [1, 2, 3])];
  const { standings } = await compete({ name: "once", entrants, roundsMax: 1 }, options);
  expect(standings[0]?.rounds).toEqual([1]);
});

it("refuses a target of or against an entrant that does not take part", async () => {
  const entrants = [entrant("lonely", [1])];
  for (const target of [{ entrant: "nobody" }, { entrant: "lonely", against: "nobody" }]) {
    const discipline = { name: "absent", entrants, targets: [{ ...target, figure: "jobs/s" }] };
    await expect(compete(discipline, options)).rejects.toThrow("no entrant is called nobody");
  }
});
