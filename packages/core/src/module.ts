import type { Caller } from "./call.ts";
import type { ErrorRegistry } from "./errors.ts";

/** One step of a module's history: the text of `NNNN_slug.up.sql` and `NNNN_slug.down.sql`. */
export interface MigrationStep {
  /** `NNNN_slug`, the file name without `.up.sql`. */
  readonly name: string;
  readonly up: string;
  readonly down: string;
}

/** What core and the command line need to know of a module. Each package exports one, named after its schema. */
export interface PostkitModule<Client = unknown, TransactionClient = Client> {
  /** The module's name, which is also its schema: `authz`. */
  readonly name: string;
  /** Version of the npm package, kept in the migration log. */
  readonly version: string;
  /** The whole history in order, inlined so that bundled applications can migrate. */
  readonly migrations: readonly MigrationStep[];
  /** Folder of the same files as shipped, to notice an edited one; absent files are not an error. */
  readonly migrationsUrl: URL;
  readonly errors: ErrorRegistry;
  /** Builds the typed client on top of one caller. */
  readonly client: (caller: Caller) => Client;
  /** Builds the one that transactions have, where it has fewer methods. @defaultValue `client` */
  readonly transactionClient?: ((caller: Caller) => TransactionClient) | undefined;
}

/** Modules as a list, or by the name their client gets on the handle. */
export type ModuleSet = readonly PostkitModule[] | Readonly<Record<string, PostkitModule>>;

/** The modules of a set, in order. */
export function modulesOf(set: ModuleSet): readonly PostkitModule[] {
  return Array.isArray(set) ? (set as readonly PostkitModule[]) : Object.values(set);
}

/** The typed client of a module. */
export type ClientOf<M> = M extends PostkitModule<infer Client, unknown> ? Client : never;

/** The typed client of a module inside a transaction. */
export type TransactionClientOf<M> =
  M extends PostkitModule<unknown, infer Client> ? Client : never;
