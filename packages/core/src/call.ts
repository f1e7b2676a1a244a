import { withNamespace, withSettings, type Context } from "./context.ts";
import { coreError, fromCallError } from "./errors.ts";
import type { QueryResult } from "./executor.ts";
import { callHook } from "./hook.ts";
import type { CallOptions } from "./limits.ts";
import type { ListenHandler, Subscription } from "./listen.ts";
import type { Modules, Postkit, Transaction } from "./postkit.ts";
import { buildStatement, type Arguments, type FunctionCall, type Statement } from "./statement.ts";
import type { TransactionOptions } from "./transaction.ts";

/** Where statements run: a pool, a transaction of ours, or the caller's own. */
export interface Runner {
  /** Whether a call shares its transaction with others, so that settings outlive it. */
  readonly joins: boolean;
  run(statement: Statement, options: CallOptions, what: string): Promise<QueryResult>;
}

/** What an `onQuery` hook is told after each call. */
export interface QueryEvent {
  /** The SQL function: `authz.check`. */
  readonly name: string;
  readonly durationMs: number;
  /** Rows that came back, when the call succeeded. */
  readonly rowCount?: number;
  readonly error?: unknown;
}

/** Checks one value that came from the database; a zod schema is one. */
export interface Schema<T> {
  parse(value: unknown): T;
}

interface Calls {
  /** Calls a function that returns one value. */
  value<T>(name: string, args: Arguments, schema: Schema<T>, options?: CallOptions): Promise<T>;
  /**
   * Calls a function that returns a table; columns come in camelCase, that of a set of single values as `r`.
   *
   * @param asText columns in snake_case that also come as text, `every_interval` as `everyIntervalText`
   */
  rows<T>(
    name: string,
    args: Arguments,
    schema: Schema<T>,
    options?: CallOptions,
    asText?: readonly string[],
  ): Promise<T[]>;
}

/** How a module's client reaches its SQL functions, and what else of the handle it sits on a module may need. */
export interface Caller<H extends Handle = Handle> extends Calls {
  /** The tenant that calls are for. */
  readonly namespace: string;
  /** The functions that are for no tenant and take no p_namespace, as those of maintenance. */
  readonly unscoped: Calls;
  /** The handle with the clients of all modules, in the same context and transaction: what an application's code gets. */
  readonly handle: H;
  /** The same caller for another tenant. */
  withNamespace(namespace: string): Caller<H>;
  /** The same caller with further context settings by their name after `postkit.`; undefined takes one away. */
  withSettings(settings: Readonly<Record<string, string | undefined>>): Caller<H>;
  /**
   * Runs `work` in a transaction, as the handle's `transaction` does. Inside one it is a savepoint, to which the options
   * do not apply.
   */
  transaction<T>(
    work: (tx: Caller<Transaction<Modules>>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /**
   * Subscribes to a channel, as the handle's `listen` does.
   *
   * @throws `core.VAL_ARGUMENT` inside a transaction, whose connection is not ours to keep
   */
  listen(channel: string, handler: ListenHandler): Subscription;
  /**
   * The same caller on connections of its own, made as those of the pool are and opened when they are needed: for calls
   * that must not wait until the application gives one back.
   *
   * @param connections how many at most
   * @throws `core.VAL_ARGUMENT` inside a transaction
   */
  apart(connections: number): Apart<H>;
}

/** A caller with connections of its own, which end with `close`, or with those of the handle. */
export interface Apart<H extends Handle = Handle> {
  readonly caller: Caller<H>;
  /** Has `end` run, and waited for, when the handle is closed, before its connections are. */
  beforeClose(end: () => Promise<void>): void;
  close(): Promise<void>;
}

/** A handle of any modules. */
export type Handle = Postkit<Modules> | Transaction<Modules>;

/** What the callers of one database or transaction have in common, whatever their context. */
export interface CallerScope<H extends Handle> {
  readonly runner: Runner;
  readonly timeoutMs: number;
  readonly onQuery: ((event: QueryEvent) => void) | undefined;
  handle(context: Context): H;
  transaction<T>(
    context: Context,
    work: (tx: Caller<Transaction<Modules>>) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T>;
  readonly listen: (channel: string, handler: ListenHandler) => Subscription;
  apart(context: Context, connections: number): Apart<H>;
}

/** @param handle the one that the caller's client sits on; left out, it is made when it is first asked for */
export function createCaller<H extends Handle>(
  scope: CallerScope<H>,
  context: Context,
  handle?: H,
): Caller<H> {
  return {
    ...calls(scope, context),
    namespace: context.namespace,
    unscoped: calls(scope, undefined),
    get handle() {
      return (handle ??= scope.handle(context));
    },
    withNamespace: (namespace) => createCaller(scope, withNamespace(context, namespace)),
    withSettings: (settings) => createCaller(scope, withSettings(context, settings)),
    transaction: (work, options = {}) => scope.transaction(context, work, options),
    listen: scope.listen,
    apart: (connections) => scope.apart(context, connections),
  };
}

function calls(
  { runner, timeoutMs, onQuery }: Pick<CallerScope<Handle>, "runner" | "timeoutMs" | "onQuery">,
  context: Context | undefined,
): Calls {
  const send: Send = async (call, options) => {
    try {
      return await runner.run(
        buildStatement(call, context, runner.joins),
        { signal: options?.signal, timeoutMs: options?.timeoutMs ?? timeoutMs },
        call.name,
      );
    } catch (error) {
      throw fromCallError(error, call.name);
    }
  };
  const query = onQuery === undefined ? send : reported(send, onQuery);
  return {
    async value(name, args, schema, options) {
      const { rows } = await query({ name, args, returns: "value" }, options);
      const [row] = rows;
      return decode(name, schema, row === undefined ? null : row["r"]);
    },
    async rows(name, args, schema, options, asText) {
      const { rows } = await query({ name, args, returns: "rows", asText }, options);
      return rows.map((row) => decode(name, schema, camelCaseKeys(row)));
    },
  };
}

type Send = (call: FunctionCall, options?: CallOptions) => Promise<QueryResult>;

function reported(send: Send, onQuery: (event: QueryEvent) => void): Send {
  return async (call, options) => {
    const startedAt = performance.now();
    const report = (outcome: { rowCount: number } | { error: unknown }) =>
      callHook(
        onQuery,
        { name: call.name, durationMs: performance.now() - startedAt, ...outcome },
        { what: "the onQuery hook", code: "ON_QUERY" },
      );
    let result: QueryResult;
    try {
      result = await send(call, options);
    } catch (error) {
      report({ error });
      throw error;
    }
    report({ rowCount: result.rows.length });
    return result;
  };
}

function decode<T>(name: string, schema: Schema<T>, value: unknown): T {
  try {
    return schema.parse(value);
  } catch (error) {
    throw coreError(
      "SYS_RESULT_SHAPE",
      `${name} returned something else than this version of the client expects`,
      {
        cause: error,
      },
    );
  }
}

function camelCaseKeys(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [camelCase(name), value]));
}

const camelCased = new Map<string, string>();

function camelCase(name: string): string {
  let known = camelCased.get(name);
  if (known === undefined) {
    known = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    camelCased.set(name, known);
  }
  return known;
}
