import { setTimeout } from "node:timers/promises";
import type { Runner } from "./call.ts";
import type { Connection, Database } from "./database.ts";
import { coreError, fromDriverError, isPostkitError, sqlstateOf } from "./errors.ts";
import type { Executor, QueryResult } from "./executor.ts";
import { Limits, type CallOptions } from "./limits.ts";
import type { Statement } from "./statement.ts";

export interface TransactionOptions extends CallOptions {
  /** @defaultValue the server's default, usually `read committed` */
  isolation?: "read committed" | "repeatable read" | "serializable";
  /**
   * How often the whole function is run again after a serialization failure, a deadlock, or a connection lost before
   * commit was sent. @defaultValue 0
   */
  retries?: number;
}

type Send = (statement: Statement, options: CallOptions, what: string) => Promise<QueryResult>;

/** A transaction in which statements run, ours or the caller's, down to one savepoint. */
export class TransactionScope implements Runner {
  readonly scope: object;
  readonly #send: Send;
  readonly #depth: number;
  #state: "open" | "nested" | "closed" = "open";

  constructor(scope: object, send: Send, depth = 0) {
    this.scope = scope;
    this.#send = send;
    this.#depth = depth;
  }

  async run(statement: Statement, options: CallOptions = {}, what = "query"): Promise<QueryResult> {
    if (this.#state === "closed") {
      throw coreError("BIZ_TRANSACTION_CLOSED", `${what} was called on a transaction that has ended`);
    }
    return this.#send(statement, options, what);
  }

  /** Runs `work` behind a savepoint: what fails in it is undone, what came before stays. */
  async nested<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T> {
    if (this.#state === "nested") {
      throw coreError(
        "BIZ_TRANSACTION_NESTED",
        "a nested transaction is already open here: await it before the next, or nest on its own handle",
      );
    }
    const name = `postkit_${this.#depth + 1}`;
    await this.run({ text: `savepoint ${name}`, values: [] });
    this.#state = "nested";
    const inner = new TransactionScope(this.scope, this.#send, this.#depth + 1);
    try {
      const result = await work(inner);
      inner.close();
      this.#state = "open";
      await this.run({ text: `release savepoint ${name}`, values: [] });
      return result;
    } catch (error) {
      inner.close();
      if (this.#state === "nested") this.#state = "open";
      await this.#undo(name);
      throw error;
    }
  }

  close(): void {
    this.#state = "closed";
  }

  async #undo(name: string): Promise<void> {
    try {
      await this.run({ text: `rollback to savepoint ${name}`, values: [] });
      await this.run({ text: `release savepoint ${name}`, values: [] });
    } catch {
      // The connection is gone, and with it the transaction: the caller gets the error that led here.
    }
  }
}

/** The scope of a transaction that the caller opened on an executor of his own. */
export function joinedScope(executor: Executor): TransactionScope {
  if (typeof (executor as { query?: unknown } | null)?.query !== "function") {
    throw coreError("VAL_ARGUMENT", "on() takes an object with query(text, values)");
  }
  if ("totalCount" in executor) {
    throw coreError("VAL_ARGUMENT", "on() takes one connection inside a transaction, not a pool");
  }
  return new TransactionScope(executor, async ({ text, values }, options, what) => {
    const limits = new Limits(options, what);
    try {
      return (await limits.race(() => executor.query(text, values))) as QueryResult;
    } catch (error) {
      throw fromDriverError(error);
    } finally {
      limits.end();
    }
  });
}

/**
 * Runs `work` in a transaction of its own and commits it, or rolls it back when it throws.
 *
 * @param statementTimeoutMs longest time for each single statement, `begin` and `commit` included
 */
export async function runTransaction<T>(
  database: Database,
  statementTimeoutMs: number,
  { retries = 0, isolation, ...limits }: TransactionOptions,
  work: (scope: TransactionScope) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await database.withConnection(limits, "transaction", (connection) =>
        attemptTransaction(statementSender(connection, statementTimeoutMs), connection, isolation, work),
      );
    } catch (error) {
      if (attempt >= retries || !isWorthRetrying(error)) throw error;
      await setTimeout(retryDelayMs(attempt));
    }
  }
}

async function attemptTransaction<T>(
  send: Send,
  connection: Connection,
  isolation: TransactionOptions["isolation"],
  work: (scope: TransactionScope) => Promise<T>,
): Promise<T> {
  const scope = new TransactionScope({}, send);
  await scope.run({ text: isolation === undefined ? "begin" : `begin isolation level ${isolation}`, values: [] });
  let result: T;
  try {
    result = await connection.within(() => work(scope));
    scope.close();
  } catch (error) {
    scope.close();
    if (!connection.isBroken) await rollBack(send);
    throw error;
  }
  await commit(send);
  return result;
}

/** Each statement of a transaction has its own limits inside those of the transaction. */
function statementSender(connection: Connection, statementTimeoutMs: number): Send {
  return async (statement, options, what) => {
    const limits = new Limits({ timeoutMs: statementTimeoutMs, ...options }, what);
    try {
      return await connection.within(() => connection.run(statement, limits));
    } finally {
      limits.end();
    }
  };
}

async function rollBack(send: Send): Promise<void> {
  try {
    await send({ text: "rollback", values: [] }, {}, "rollback");
  } catch {
    // A connection that cannot roll back is closed, which rolls back; the caller gets the error that led here.
  }
}

async function commit(send: Send): Promise<void> {
  let result: QueryResult;
  try {
    result = await send({ text: "commit", values: [] }, {}, "commit");
  } catch (error) {
    if (isPostkitError(error, "core")) {
      throw coreError("SYS_COMMIT_UNKNOWN", `the outcome of the commit is not known: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
  if (result.command === "ROLLBACK") {
    throw coreError(
      "BIZ_TRANSACTION_ROLLED_BACK",
      "the transaction was rolled back: a statement in it had failed and the error was not passed on",
    );
  }
}

function isWorthRetrying(error: unknown): boolean {
  if (isPostkitError(error)) {
    return isPostkitError(error, "core.SYS_CONNECTION_LOST") || isPostkitError(error, "core.SYS_CONNECTION_FAILED");
  }
  const sqlstate = sqlstateOf(error);
  return sqlstate === "40001" || sqlstate === "40P01";
}

/** Exponential backoff with full jitter, at most a second. */
function retryDelayMs(attempt: number): number {
  return Math.random() * Math.min(1_000, 10 * 2 ** attempt);
}
