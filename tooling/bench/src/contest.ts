import type { TestDatabase } from "@postkit/testkit";
import type { BenchSettings } from "./shape.ts";

/**
 * Whole runs of several contestants, side by side. `packages/<module>/bench/*.bench.ts` exports one as `contest`; its
 * server writes every commit to disk.
 */
export interface Contest {
  readonly name: string;
  disciplines(settings: BenchSettings): readonly Discipline[];
}

/** One thing that all entrants do in every round. */
export interface Discipline {
  readonly name: string;
  /** The first is the one that the others are compared with in the report. */
  readonly entrants: readonly Entrant[];
  /** @defaultValue none: it is for information */
  readonly targets?: readonly Target[];
  /** Most rounds for a run that takes minutes. @defaultValue as many as asked for */
  readonly roundsMax?: number;
}

export interface Entrant {
  readonly name: string;
  /** One run in an empty database of its own. Preparations that are not to count happen in here, too. */
  run(database: TestDatabase): Promise<Figures>;
}

/** What a run measured; the names say the units: "jobs/s". */
export type Figures = Readonly<Record<string, number>>;

/** What an entrant has to reach: a ratio to another in the same round, or a figure as it is. */
export interface Target {
  readonly entrant: string;
  readonly figure: string;
  /** The entrant it is divided by. @defaultValue none: the figure itself counts */
  readonly against?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}
