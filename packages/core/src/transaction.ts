import { setTimeout } from "node:timers/promises";
import { backoffMs } from "./backoff.ts";
import type { Runner } from "./call.ts";
import type { Connection, Database } from "./database.ts";
import { coreError, fromDriverError, isPostkitError, sqlstateOf } from "./errors.ts";
import type { Executor, QueryResult } from "./executor.ts";
import { Limits, type CallOptions } from "./limits.ts";
import type { Statement } from "./statement.ts";

export interface TransactionOptions {
  /** Rolls the transaction back and closes its connection. */
  signal?: AbortSignal | undefined;
  /** Longest time of the whole in milliseconds, retries included. @defaultValue none; each statement has its own */
  timeoutMs?: number | undefined;
  /** @defaultValue the server's default, usually `read committed` */
  isolation?: "read committed" | "repeatable read" | "serializable" | undefined;
  /**
   * How often the whole function is run again after a serialization failure, a deadlock, or a connection lost before
   * commit was sent. @defaultValue 0
   */
  retries?: number | undefined;
}

const isolationLevels: ReadonlySet<string> = new Set([
  "read committed",
  "repeatable read",
  "serializable",
]);

const retryDelay = { firstMs: 10, maxMs: 1_000 };

type Send = (statement: Statement, options: CallOptions, what: string) => Promise<QueryResult>;

/** A transaction in which statements run, ours or the caller's, down to one savepoint. */
export class TransactionScope implements Runner {
  readonly joins = true;
  readonly #send: Send;
  readonly #depth: number;
  #state: "open" | "nested" | "closed" = "open";

  constructor(send: Send, depth = 0) {
    this.#send = send;
    this.#depth = depth;
  }

  async run(statement: Statement, options: CallOptions = {}, what = "query"): Promise<QueryResult> {
    this.#assertOpen(what);
    return this.#send(statement, options, what);
  }

  /** Runs `work` behind a savepoint: what fails in it is undone, what came before stays. */
  async nested<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T> {
    this.#assertOpen("a nested transaction");
    this.#state = "nested";
    const inner = new TransactionScope(this.#send, this.#depth + 1);
    const savepoint = `postkit_${this.#depth + 1}`;
    try {
      await this.#control(`savepoint ${savepoint}`);
      try {
        const result = await work(inner);
        await this.#release(savepoint);
        return result;
      } catch (error) {
        await this.#undo(savepoint);
        throw error;
      }
    } finally {
      inner.close();
      if (this.#state === "nested") this.#state = "open";
    }
  }

  close(): void {
    this.#state = "closed";
  }

  #assertOpen(what: string): void {
    if (this.#state === "closed") {
      throw coreError(
        "BIZ_TRANSACTION_CLOSED",
        `${what} was called on a transaction that has ended`,
      );
    }
    if (this.#state === "nested") {
      throw coreError(
        "BIZ_TRANSACTION_NESTED",
        `${what} was called while a nested transaction is open, which could undo it: use the nested handle, or await its end`,
      );
    }
  }

  #control(text: string): Promise<QueryResult> {
    return this.#send({ text, values: [] }, {}, text);
  }

  async #release(savepoint: string): Promise<void> {
    try {
      await this.#control(`release savepoint ${savepoint}`);
    } catch (error) {
      throw sqlstateOf(error) === "25P02"
        ? rolledBackError("the nested transaction", error)
        : error;
    }
  }

  async #undo(savepoint: string): Promise<void> {
    try {
      await this.#control(`rollback to savepoint ${savepoint}`);
      await this.#control(`release savepoint ${savepoint}`);
    } catch {
      // The connection is gone, and with it the transaction: the caller gets the error that led here.
    }
  }
}

/**
 * The scope of a transaction that the caller opened on an executor of his own, and that he alone ends. After a call was
 * given up while its statement ran on, nothing may follow on this scope but the caller's rollback.
 */
export function joinedScope(executor: Executor): TransactionScope {
  if (typeof (executor as { query?: unknown } | null | undefined)?.query !== "function") {
    throw coreError("VAL_ARGUMENT", "on() takes an object with query(text, values)");
  }
  if ("totalCount" in executor) {
    throw coreError("VAL_ARGUMENT", "on() takes one connection inside a transaction, not a pool");
  }
  let isGivenUp = false;
  return new TransactionScope(async ({ text, values }, options, what) => {
    if (isGivenUp) {
      throw coreError(
        "BIZ_TRANSACTION_CLOSED",
        `a call before ${what} was given up: roll the transaction back`,
      );
    }
    const limits = new Limits(options, what);
    const wasOver = limits.hasExpired;
    try {
      return (await limits.race(() => executor.query(text, values))) as QueryResult;
    } catch (error) {
      isGivenUp ||= limits.hasExpired && !wasOver;
      throw fromDriverError(error);
    } finally {
      limits.end();
    }
  });
}

/**
 * Runs `work` in a transaction of its own and commits it, or rolls it back when it throws.
 *
 * @param statementTimeoutMs longest time for each single statement, `begin` and `commit` included, and for the wait
 * for a connection
 */
export async function runTransaction<T>(
  database: Database,
  statementTimeoutMs: number,
  { retries = 0, isolation, ...options }: TransactionOptions,
  work: (scope: TransactionScope) => Promise<T>,
): Promise<T> {
  if (!Number.isInteger(retries) || retries < 0) {
    throw coreError("VAL_ARGUMENT", `retries must be a whole number from 0, not ${retries}`);
  }
  if (isolation !== undefined && !isolationLevels.has(isolation)) {
    throw coreError("VAL_ARGUMENT", `isolation must be one of ${[...isolationLevels].join(", ")}`);
  }
  const limits = new Limits(options, "transaction");
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await database.withConnection(limits, statementTimeoutMs, (connection) =>
          attemptTransaction(connection, statementTimeoutMs, isolation, work),
        );
      } catch (error) {
        if (attempt >= retries || !isWorthRetrying(error)) throw error;
        await limits.race(() => setTimeout(backoffMs(attempt, retryDelay)));
      }
    }
  } finally {
    limits.end();
  }
}

async function attemptTransaction<T>(
  connection: Connection,
  statementTimeoutMs: number,
  isolation: TransactionOptions["isolation"],
  work: (scope: TransactionScope) => Promise<T>,
): Promise<T> {
  const send = statementSender(connection, statementTimeoutMs);
  const control = (text: string) => send({ text, values: [] }, {}, text);
  await control(isolation === undefined ? "begin" : `begin isolation level ${isolation}`);
  const scope = new TransactionScope(send);
  let result: T;
  try {
    result = await connection.within(() => work(scope));
    scope.close();
    assertStillOpen(connection);
  } catch (error) {
    scope.close();
    // A connection that cannot roll back is closed, which rolls back; the caller gets the error that led here.
    if (!connection.isBroken) await control("rollback").catch(() => {});
    throw error;
  }
  await commit(control);
  return result;
}

/** Statements of a transaction go one after the other, each with limits of its own inside those of the transaction. */
function statementSender(connection: Connection, statementTimeoutMs: number): Send {
  let last: Promise<unknown> = Promise.resolve();
  const sendNow: Send = async (statement, options, what) => {
    const limits = new Limits({ timeoutMs: statementTimeoutMs, ...options }, what);
    try {
      return await connection.within(() => connection.run(statement, limits));
    } finally {
      limits.end();
    }
  };
  return (...parameters) => {
    const sent = last.then(() => sendNow(...parameters));
    last = sent.catch(() => {});
    return sent;
  };
}

/** Before commit is sent, a lost connection is a lost transaction, and one that was ended by hand is no longer ours. */
function assertStillOpen(connection: Connection): void {
  connection.assertUsable();
  const { client } = connection as { client: { getTransactionStatus?: () => string | null } };
  if (client.getTransactionStatus?.() === "I") {
    throw coreError("BIZ_TRANSACTION_CLOSED", "the transaction was ended by a statement inside it");
  }
}

async function commit(control: (text: string) => Promise<QueryResult>): Promise<void> {
  let result: QueryResult;
  try {
    result = await control("commit");
  } catch (error) {
    if (!isPostkitError(error, "core")) throw error;
    throw coreError(
      "SYS_COMMIT_UNKNOWN",
      `the outcome of the commit is not known: ${error.message}`,
      { cause: error },
    );
  }
  if (result.command === "ROLLBACK") throw rolledBackError("the transaction");
}

function rolledBackError(what: string, cause?: unknown): Error {
  return coreError(
    "BIZ_TRANSACTION_ROLLED_BACK",
    `${what} was rolled back: a statement in it had failed and the error was not passed on`,
    { cause },
  );
}

function isWorthRetrying(error: unknown): boolean {
  if (isPostkitError(error)) {
    return (
      isPostkitError(error, "core.SYS_CONNECTION_LOST") ||
      isPostkitError(error, "core.SYS_CONNECTION_FAILED")
    );
  }
  const sqlstate = sqlstateOf(error);
  return sqlstate === "40001" || sqlstate === "40P01";
}
