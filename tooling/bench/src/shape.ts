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
}

/** A group of shapes on one database. `packages/<module>/bench/*.bench.ts` exports one as `bench`. */
export interface Bench {
  readonly name: string;
  /** Opens an empty database's contents and hands back the shapes and what is to be closed. */
  prepare(database: TestDatabase): Promise<{ shapes: readonly Shape[]; close(): Promise<void> }>;
}
