import type { Outcome, Spread, Standing, Verdict } from "./compete.ts";
import { table } from "./table.ts";

/** The outcome of a discipline as a table for people, and a line for each target. */
export function contestReport({ name, standings, verdicts }: Outcome): string {
  const first = standings[0]?.entrant ?? "";
  const rows = figuresOf(standings).flatMap((figure) =>
    standings
      .filter((standing) => standing.figure === figure)
      .map(({ entrant, seen, ratio }) => [
        figure,
        entrant,
        significant(seen.median),
        `${significant(seen.low)} - ${significant(seen.high)}`,
        ratio === undefined ? "" : withRange(ratio),
      ]),
  );
  const head = ["figure", "entrant", "median", "low - high", `x ${first}`];
  return [`\n${name}`, table([head, ...rows]), ...verdicts.map(line)].join("\n");
}

function figuresOf(standings: readonly Standing[]): string[] {
  return [...new Set(standings.map(({ figure }) => figure))];
}

function line({ entrant, figure, against, atLeast, atMost, reached, isMet }: Verdict): string {
  const what = against === undefined ? figure : `${figure} against ${against}`;
  const limits = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(", ");
  return `${isMet ? "met" : "MISSED"}: ${entrant}, ${what}: ${withRange(reached)}, ${limits}`;
}

function withRange({ median, low, high }: Spread): string {
  return `${significant(median)} (${significant(low)} - ${significant(high)})`;
}

function significant(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
