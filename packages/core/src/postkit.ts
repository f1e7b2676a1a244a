import type pg from "pg";
import { createCaller, type Caller, type CallerScope, type QueryEvent } from "./call.ts";
import {
  actorSettings,
  assertNamespace,
  withNamespace,
  withSettings,
  type Actor,
  type Context,
} from "./context.ts";
import { Database } from "./database.ts";
import { dedicatedConfig } from "./dedicated-connection.ts";
import { coreError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import type { CallOptions } from "./limits.ts";
import { Listener, type ListenerOptions, type ListenHandler, type Subscription } from "./listen.ts";
import { migrate, type MigrateOptions, type MigrateResult } from "./migrate/migrate.ts";
import type { ClientOf, PostkitModule, TransactionClientOf } from "./module.ts";
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
type TransactionClients<M extends Modules> = {
  readonly [Name in keyof M]: TransactionClientOf<M[Name]>;
};

export interface PostkitOptions<M extends Modules> {
  /** Where to connect; the pool opened here is closed by `close()`. */
  connectionString?: string | undefined;
  /** Further settings of that pool as pg takes them: `max`, `ssl`, time-outs. */
  pool?: pg.PoolConfig | undefined;
  /** A pg Pool that stays yours, instead of a connection string. */
  db?: pg.Pool | undefined;
  /**
   * Where a session can be had, which `listen` needs: past a pooler in transaction mode, with the same TLS and time-outs
   * as the pool. @defaultValue where the pool connects
   */
  directConnectionString?: string | undefined;
  /** How the connection of `listen` is watched and brought back. */
  listener?: ListenerOptions | undefined;
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
  /**
   * Subscribes to what is sent with `notify` or `pg_notify` to a channel, named exactly as for `pg_notify`, by at most 63
   * bytes. All subscriptions share one connection outside the pool, which is there while there are any, reconnects for
   * ever, and keeps the process alive. Listening knows no tenants.
   *
   * @example
   * const subscription = postkit.listen("orders", (event) => {
   *   if (event.type !== "lost") void lookForOrders();
   * });
   * await subscription.close();
   *
   * @throws `core.VAL_ARGUMENT` when the name is empty or too long
   */
  listen(channel: string, handler: ListenHandler): Subscription;
  /** Brings the schemas of this handle's modules up to date; see {@link migrate}. */
  migrate(options?: Omit<MigrateOptions, "modules">): Promise<MigrateResult>;
  /**
   * Ends all subscriptions, and the pool if it was opened here: then every call, on this handle or on those made from it, is
   * refused with `core.BIZ_HANDLE_CLOSED`. A pool given as `db` stays open.
   */
  close(): Promise<void>;
}

/** The modules on one transaction. */
export type Transaction<M extends Modules> = TransactionBase<M> & TransactionClients<M>;

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
  const { connectionString, directConnectionString, pool, db, prepare = false } = options;
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
  if (directConnectionString === "") {
    throw coreError(
      "VAL_ARGUMENT",
      "directConnectionString is empty; leave it out where there is no pooler",
    );
  }
  const taken = Object.keys(options.modules).find((name) => reservedNames.has(name));
  if (taken !== undefined)
    throw coreError("VAL_ARGUMENT", `a module cannot be called ${taken} on the handle`);
  const database = new Database({
    pool: connectionString === undefined ? pool : { ...pool, connectionString },
    db,
    prepare,
  });
  const config = () => dedicatedConfig(database.pool.options, directConnectionString);
  const shared: Shared = {
    database,
    listener: new Listener(config, options.listener ?? {}),
    modules: options.modules,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    onQuery: options.onQuery,
  };
  const context: Context = {
    // A variable that was never set must not become the tenant "default".
    namespace: "namespace" in options ? assertNamespace(options.namespace) : "default",
    settings: {},
  };
  return postkitHandle(shared, context) as Postkit<M>;
}

const reservedNames = new Set([
  "namespace",
  "pool",
  "withNamespace",
  "withActor",
  "withSettings",
  "on",
  "listen",
  "query",
  "transaction",
  "migrate",
  "close",
]);

/** What every handle of one `createPostkit` has in common. */
interface Shared {
  readonly database: Database;
  readonly listener: Listener;
  readonly modules: Modules;
  readonly timeoutMs: number;
  readonly onQuery: ((event: QueryEvent) => void) | undefined;
}

function postkitHandle(shared: Shared, context: Context): Postkit<Modules> {
  const { database, listener, modules } = shared;
  const scope = databaseScope(shared, database);
  const close = async () => {
    await database.endApart();
    await Promise.all([listener.close(), database.close()]);
  };
  const base: PostkitBase<Modules> = {
    ...scopedPart(context, scope.handle),
    pool: database.pool,
    on: (executor) =>
      transactionHandle({ ...shared, timeoutMs: Infinity }, context, joinedScope(executor)),
    transaction: (work, options = {}) =>
      scope.transaction(context, ({ handle }) => work(handle), options),
    listen: scope.listen,
    migrate: async (options = {}) => {
      database.assertOpen("migrate was called");
      return migrate(database.pool, { modules, ...options });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return withClients(
    base,
    modules,
    ({ client }) => client,
    (handle) => createCaller(scope, context, handle),
  );
}

function databaseScope(shared: Shared, database: Database): CallerScope<Postkit<Modules>> {
  const { listener, timeoutMs, onQuery } = shared;
  return {
    runner: database,
    timeoutMs,
    onQuery,
    handle: (context) => postkitHandle(shared, context),
    transaction: (context, work, options) =>
      runTransaction(database, timeoutMs, options, (transaction) =>
        work(createCaller(transactionScope(shared, transaction), context)),
      ),
    listen: (channel, handler) => listener.listen(channel, handler),
    apart(context, connections) {
      const apart = database.apart(connections);
      return {
        caller: createCaller(databaseScope(shared, apart), context),
        beforeClose: (end) => {
          apart.beforeClose = end;
        },
        close: () => apart.close(),
      };
    },
  };
}

function transactionHandle(
  shared: Shared,
  context: Context,
  transaction: TransactionScope,
): Transaction<Modules> {
  const scope = transactionScope(shared, transaction);
  const base: TransactionBase<Modules> = {
    ...scopedPart(context, scope.handle),
    query: async <Row>(text: string, values: unknown[] = [], options: CallOptions = {}) => {
      const result = await transaction.run(
        { text, values },
        { timeoutMs: shared.timeoutMs, ...options },
        "query",
      );
      return result as { rows: Row[] };
    },
    transaction: (work) => scope.transaction(context, ({ handle }) => work(handle), {}),
  };
  return withClients(
    base,
    shared.modules,
    ({ client, transactionClient = client }) => transactionClient,
    (handle) => createCaller(scope, context, handle),
  );
}

function transactionScope(
  shared: Shared,
  transaction: TransactionScope,
): CallerScope<Transaction<Modules>> {
  return {
    runner: transaction,
    timeoutMs: shared.timeoutMs,
    onQuery: shared.onQuery,
    handle: (context) => transactionHandle(shared, context, transaction),
    transaction: (context, work) =>
      transaction.nested((inner) => work(createCaller(transactionScope(shared, inner), context))),
    listen: () => {
      throw coreError(
        "VAL_ARGUMENT",
        "listen was called in a transaction, which would receive nothing: use the handle outside",
      );
    },
    apart: () => {
      throw coreError("VAL_ARGUMENT", "a transaction has one connection and no others apart");
    },
  };
}

function scopedPart<Self>(context: Context, derive: (changed: Context) => Self): Scoped<Self> {
  return {
    namespace: context.namespace,
    withNamespace: (namespace) => derive(withNamespace(context, namespace)),
    withActor: (actor) => derive(withSettings(context, actorSettings(actor))),
    withSettings: (settings) => derive(withSettings(context, settings)),
  };
}

/** Adds the modules' clients, each built when it is first used, on one caller. */
function withClients<Base extends object>(
  base: Base,
  modules: Modules,
  builderOf: (module: PostkitModule) => PostkitModule["client"],
  callerOf: (handle: Base & Clients<Modules>) => Caller,
): Base & Clients<Modules> {
  const handle = base as Base & Clients<Modules>;
  const caller = callerOf(handle);
  for (const [name, module] of Object.entries(modules)) {
    let client: unknown;
    Object.defineProperty(handle, name, {
      enumerable: true,
      get: () => (client ??= builderOf(module)(caller)),
    });
  }
  return Object.freeze(handle);
}
