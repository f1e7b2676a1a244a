import type { TestDatabase } from "@postkit/testkit";
import type { Discipline, Figures, Target } from "./contest.ts";
import { median } from "./statistics.ts";
import { whenAlone } from "./when-alone.ts";

/** What was seen of one figure of one entrant. */
export interface Standing {
  readonly entrant: string;
  readonly figure: string;
  readonly rounds: readonly number[];
  readonly seen: Spread;
  /** To the first entrant in the same round; not for that one itself. */
  readonly ratio?: Spread;
}

/** Whether a target was reached. */
export interface Verdict extends Target {
  readonly reached: Spread;
  readonly isMet: boolean;
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Outcome {
  readonly name: string;
  readonly standings: readonly Standing[];
  readonly verdicts: readonly Verdict[];
}

export interface CompeteOptions {
  readonly rounds: number;
  /** Makes the database of a run. */
  readonly openDatabase: () => Promise<TestDatabase>;
}

/**
 * Lets every entrant run once in each round, forwards and then backwards, so that what else the machine does falls on
 * all alike. Ratios are taken within a round.
 */
export async function compete(
  { name, entrants, targets = [], roundsMax = Infinity }: Discipline,
  { rounds, openDatabase }: CompeteOptions,
): Promise<Outcome> {
  const seen = new Map(entrants.map((entrant) => [entrant.name, [] as Figures[]]));
  for (const target of targets) assertKnown(target, seen);
  for (let round = 0; round < Math.min(rounds, roundsMax); round += 1) {
    for (const entrant of round % 2 === 0 ? entrants : entrants.toReversed()) {
      await using database = await openDatabase();
      seen.get(entrant.name)?.push(await entrant.run(database));
      // Whoever goes on working would be a burden to the next.
      await whenAlone(database);
    }
  }
  const standings = entrants.flatMap((entrant) =>
    standingsOf(entrant.name, entrants[0]?.name, seen),
  );
  return { name, standings, verdicts: targets.map((target) => judge(target, seen)) };
}

type Seen = ReadonlyMap<string, readonly Figures[]>;

function assertKnown({ entrant, against = entrant }: Target, seen: Seen): void {
  for (const name of [entrant, against]) {
    if (!seen.has(name)) throw new Error(`no entrant is called ${name}`);
  }
}

function standingsOf(entrant: string, first: string | undefined, seen: Seen): Standing[] {
  const figures = Object.keys(seen.get(entrant)?.[0] ?? {});
  return figures.map((figure) => {
    const rounds = valuesOf(figure, entrant, seen);
    const standing = { entrant, figure, rounds, seen: spread(rounds) };
    if (first === undefined || entrant === first) return standing;
    return { ...standing, ratio: spread(ratios(rounds, valuesOf(figure, first, seen))) };
  });
}

function judge(target: Target, seen: Seen): Verdict {
  const { entrant, figure, against, atLeast = -Infinity, atMost = Infinity } = target;
  const values = valuesOf(figure, entrant, seen);
  const reached = spread(
    against === undefined ? values : ratios(values, valuesOf(figure, against, seen)),
  );
  return { ...target, reached, isMet: reached.median >= atLeast && reached.median <= atMost };
}

function valuesOf(figure: string, entrant: string, seen: Seen): number[] {
  return (seen.get(entrant) ?? []).map((figures) => figures[figure] ?? Number.NaN);
}

function ratios(values: readonly number[], others: readonly number[]): number[] {
  return values.map((value, round) => value / (others[round] ?? Number.NaN));
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}
