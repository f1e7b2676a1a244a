import type { TestDatabase } from "@postkit/testkit";

/** One thing to be timed. */
export interface Shape {
  /** What happens, as a line of the table. */
  readonly name: string;
  /** One operation. */
  run(): Promise<unknown>;
  /** Name of the shape it is compared with; that one runs in every round as well. */
  readonly baseline?: string;
  /** Highest ratio to the baseline that is good enough. */
  readonly ratioMax?: number;
  /** Longest median time of one operation that is good enough. */
  readonly maxMs?: number;
  /** Operations under way at once. @defaultValue those of its bench */
  readonly clients?: number;
}

export interface BenchSettings {
  /** How much larger than usual the data are: 10 for `--scale 10`. */
  readonly scale: number;
}

/** A group of shapes on one database. `packages/<module>/bench/*.bench.ts` exports one as `bench`. */
export interface Bench {
  readonly name: string;
  /** Operations under way at once. @defaultValue 1 */
  readonly clients?: number;
  /** Opens an empty database's contents and hands back the shapes and what is to be closed. */
  prepare(
    database: TestDatabase,
    settings: BenchSettings,
  ): Promise<{ shapes: readonly Shape[]; close(): Promise<void> }>;
}
