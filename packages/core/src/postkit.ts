import type pg from "pg";
import { createCaller, type QueryEvent, type Runner } from "./call.ts";
import { actorSettings, withSettings, type Actor, type Context } from "./context.ts";
import { Database } from "./database.ts";
import { coreError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import type { CallOptions } from "./limits.ts";
import { migrate, type MigrateOptions, type MigrateResult } from "./migrate/migrate.ts";
import type { ClientOf, PostkitModule } from "./module.ts";
import {
  joinedScope,
  runTransaction,
  type TransactionOptions,
  type TransactionScope,
} from "./transaction.ts";

const defaultTimeoutMs = 30_000;

/** Modules by the name their client gets on the handle. */
export type Modules = Readonly<Record<string, PostkitModule>>;

type Clients<M extends Modules> = { readonly [Name in keyof M]: ClientOf<M[Name]> };

export interface PostkitOptions<M extends Modules> {
  /** Where to connect; the pool opened here is closed by `close()`. */
  connectionString?: string | undefined;
  /** Further settings of that pool as pg takes them: `max`, `ssl`, time-outs. */
  pool?: pg.PoolConfig | undefined;
  /** A pg Pool that stays yours, instead of a connection string. */
  db?: pg.Pool | undefined;
  /** The tenant of every call. @defaultValue `"default"` */
  namespace?: string | undefined;
  /** The modules to use: `{ authz }`. */
  modules: M;
  /** Longest time of one call in milliseconds, waiting for a connection included. @defaultValue 30000 */
  timeoutMs?: number | undefined;
  /**
   * Use named prepared statements: faster, but not behind a pooler that does not track them.
   * @defaultValue false
   */
  prepare?: boolean | undefined;
  /** Told after each call of a module's function; what it throws becomes a process warning. */
  onQuery?: ((event: QueryEvent) => void) | undefined;
}

interface Scoped<Self> {
  /** The tenant of this handle. */
  readonly namespace: string;
  /** The same handle for another tenant. */
  withNamespace(namespace: string): Self;
  /** The same handle for an actor, who is written to the audit of every change; fields left out are empty. */
  withActor(actor: Actor): Self;
  /** The same handle with further context settings by their name after `postkit.`; undefined takes one away. */
  withSettings(settings: Readonly<Record<string, string | undefined>>): Self;
}

interface TransactionBase<M extends Modules> extends Scoped<Transaction<M>> {
  /** Runs a statement of yours inside the transaction. */
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
    options?: CallOptions,
  ): Promise<{ rows: Row[] }>;
  /** Runs `work` behind a savepoint: when it throws, what it did is undone and the transaction goes on. */
  transaction<T>(work: (tx: Transaction<M>) => Promise<T>): Promise<T>;
}

interface PostkitBase<M extends Modules> extends Scoped<Postkit<M>>, AsyncDisposable {
  /**
   * The same modules inside a transaction that you opened and will end: a pg client as it is, other libraries through
   * a one-line adapter. Calls have no time-out here unless they ask for one; after one was reached, roll back.
   */
  on(executor: Executor): Transaction<M>;
  /** The pool in use. */
  readonly pool: pg.Pool;
  /**
   * Runs `work` in one transaction: it commits when `work` resolves and rolls back when it throws.
   *
   * @throws `core.BIZ_TRANSACTION_ROLLED_BACK` when a failed statement was swallowed, so that commit rolled back
   * @throws `core.SYS_COMMIT_UNKNOWN` when the connection was lost while commit was under way
   */
  transaction<T>(
    work: (tx: Transaction<M>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /** Brings the schemas of this handle's modules up to date; see {@link migrate}. */
  migrate(options?: Omit<MigrateOptions, "modules">): Promise<MigrateResult>;
  /** Ends the pool if it was opened here; a pool given as `db` stays open. */
  close(): Promise<void>;
}

/** The modules on one transaction. */
export type Transaction<M extends Modules> = TransactionBase<M> & Clients<M>;

/** The modules on one database for one tenant. */
export type Postkit<M extends Modules> = PostkitBase<M> & Clients<M>;

/**
 * Puts modules together on one database. Nothing is sent before the first call.
 *
 * @example
 * const postkit = createPostkit({ connectionString: process.env.DATABASE_URL, modules: { authz } });
 * await postkit.authz.check("user:alice", "read", "repo:api");
 *
 * @throws `core.VAL_ARGUMENT` when the options contradict each other
 */
export function createPostkit<const M extends Modules>(options: PostkitOptions<M>): Postkit<M> {
  const { connectionString, pool, db, prepare = false } = options;
  if (db !== undefined && (connectionString !== undefined || pool !== undefined)) {
    throw coreError("VAL_ARGUMENT", "give either db or connectionString and pool, not both");
  }
  if (db === undefined && connectionString === undefined && pool === undefined) {
    throw coreError(
      "VAL_ARGUMENT",
      "connectionString is undefined; to use the PG* environment variables give pool: {}",
    );
  }
  if (typeof options.modules !== "object" || Array.isArray(options.modules)) {
    throw coreError("VAL_ARGUMENT", "modules takes an object of modules by name: { authz }");
  }
  const taken = Object.keys(options.modules).find((name) => reservedNames.has(name));
  if (taken !== undefined)
    throw coreError("VAL_ARGUMENT", `a module cannot be called ${taken} on the handle`);
  const shared: Shared<M> = {
    database: new Database({
      pool: connectionString === undefined ? pool : { ...pool, connectionString },
      db,
      prepare,
    }),
    modules: options.modules,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    onQuery: options.onQuery,
  };
  return postkitHandle(shared, {
    // A variable that was never set must not become the tenant "default".
    namespace: "namespace" in options ? assertNamespace(options.namespace) : "default",
    settings: {},
  });
}

const reservedNames = new Set([
  "namespace",
  "pool",
  "withNamespace",
  "withActor",
  "withSettings",
  "on",
  "query",
  "transaction",
  "migrate",
  "close",
]);

/** What every handle of one `createPostkit` has in common. */
interface Shared<M extends Modules> {
  readonly database: Database;
  readonly modules: M;
  readonly timeoutMs: number;
  readonly onQuery: ((event: QueryEvent) => void) | undefined;
}

function postkitHandle<M extends Modules>(shared: Shared<M>, context: Context): Postkit<M> {
  const { database, modules, timeoutMs } = shared;
  const close = () => database.close();
  const base: PostkitBase<M> = {
    ...scopedPart(context, (changed) => postkitHandle(shared, changed)),
    pool: database.pool,
    on: (executor) =>
      transactionHandle({ ...shared, timeoutMs: Infinity }, context, joinedScope(executor)),
    transaction: (work, options = {}) =>
      runTransaction(database, timeoutMs, options, (scope) =>
        work(transactionHandle(shared, context, scope)),
      ),
    migrate: (options = {}) => migrate(database.pool, { modules, ...options }),
    close,
    [Symbol.asyncDispose]: close,
  };
  return withClients(base, shared, context, database);
}

function transactionHandle<M extends Modules>(
  shared: Shared<M>,
  context: Context,
  scope: TransactionScope,
): Transaction<M> {
  const base: TransactionBase<M> = {
    ...scopedPart(context, (changed) => transactionHandle(shared, changed, scope)),
    query: async <Row>(text: string, values: unknown[] = [], options: CallOptions = {}) => {
      const result = await scope.run(
        { text, values },
        { timeoutMs: shared.timeoutMs, ...options },
        "query",
      );
      return result as { rows: Row[] };
    },
    transaction: (work) => scope.nested((inner) => work(transactionHandle(shared, context, inner))),
  };
  return withClients(base, shared, context, scope);
}

function scopedPart<Self>(context: Context, derive: (changed: Context) => Self): Scoped<Self> {
  return {
    namespace: context.namespace,
    withNamespace: (namespace) => derive({ ...context, namespace: assertNamespace(namespace) }),
    withActor: (actor) => derive(withSettings(context, actorSettings(actor))),
    withSettings: (settings) => derive(withSettings(context, settings)),
  };
}

/** Adds the modules' clients, each built when it is first used. */
function withClients<M extends Modules, Base extends object>(
  base: Base,
  { modules, timeoutMs, onQuery }: Shared<M>,
  context: Context,
  runner: Runner,
): Base & Clients<M> {
  const caller = createCaller({ runner, context, timeoutMs, onQuery });
  for (const [name, module] of Object.entries(modules)) {
    let client: unknown;
    Object.defineProperty(base, name, {
      enumerable: true,
      get: () => (client ??= module.client(caller)),
    });
  }
  return Object.freeze(base) as Base & Clients<M>;
}

function assertNamespace(namespace: string | undefined): string {
  if (typeof namespace !== "string") throw coreError("VAL_ARGUMENT", "namespace must be a string");
  return namespace;
}
