import { withSettings, type Context } from "./context.ts";
import { coreError } from "./errors.ts";
import type { QueryResult } from "./executor.ts";
import type { CallOptions } from "./limits.ts";
import { buildStatement, type Arguments, type FunctionCall, type Statement } from "./statement.ts";

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
  /** Calls a function that returns a table; columns come in camelCase, that of a set of single values as `r`. */
  rows<T>(name: string, args: Arguments, schema: Schema<T>, options?: CallOptions): Promise<T[]>;
}

/** How a module's client reaches its SQL functions. */
export interface Caller extends Calls {
  /** The tenant that calls are for. */
  readonly namespace: string;
  /** The functions that are for no tenant and take no p_namespace, as those of maintenance. */
  readonly unscoped: Calls;
  /** The same caller with further context settings by their name after `postkit.`; undefined takes one away. */
  withSettings(settings: Readonly<Record<string, string | undefined>>): Caller;
}

export interface CallerOptions {
  readonly runner: Runner;
  readonly context: Context;
  readonly timeoutMs: number;
  readonly onQuery: ((event: QueryEvent) => void) | undefined;
}

export function createCaller(options: CallerOptions): Caller {
  const { context } = options;
  return {
    ...calls(options, context),
    namespace: context.namespace,
    unscoped: calls(options, undefined),
    withSettings: (settings) =>
      createCaller({ ...options, context: withSettings(context, settings) }),
  };
}

function calls({ runner, timeoutMs, onQuery }: CallerOptions, context: Context | undefined): Calls {
  const send: Send = (call, options) =>
    runner.run(
      buildStatement(call, context, runner.joins),
      { signal: options?.signal, timeoutMs: options?.timeoutMs ?? timeoutMs },
      call.name,
    );
  const query = onQuery === undefined ? send : reported(send, onQuery);
  return {
    async value(name, args, schema, options) {
      const { rows } = await query({ name, args, returns: "value" }, options);
      const [row] = rows;
      return decode(name, schema, row === undefined ? null : row["r"]);
    },
    async rows(name, args, schema, options) {
      const { rows } = await query({ name, args, returns: "rows" }, options);
      return rows.map((row) => decode(name, schema, camelCaseKeys(row)));
    },
  };
}

type Send = (call: FunctionCall, options?: CallOptions) => Promise<QueryResult>;

function reported(send: Send, onQuery: (event: QueryEvent) => void): Send {
  return async (call, options) => {
    const startedAt = performance.now();
    const report = (outcome: { rowCount: number } | { error: unknown }) =>
      tell(onQuery, { name: call.name, durationMs: performance.now() - startedAt, ...outcome });
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

/** A hook watches: what it throws must not make a call look failed that was done, so it surfaces on its own. */
function tell(onQuery: (event: QueryEvent) => void, event: QueryEvent): void {
  try {
    onQuery(event);
  } catch (error) {
    process.emitWarning(`the onQuery hook threw: ${String(error)}`, {
      type: "PostkitWarning",
      code: "ON_QUERY",
    });
  }
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
