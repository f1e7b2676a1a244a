import { createHash } from "node:crypto";
import pg from "pg";
import type { Runner } from "./call.ts";
import { coreError, fromDriverError, isConnectionFailure, isPostkitError } from "./errors.ts";
import type { QueryResult } from "./executor.ts";
import { Limits, type CallOptions } from "./limits.ts";
import type { Statement } from "./statement.ts";

const cancelTimeoutMs = 2_000;

export interface DatabaseOptions {
  /** Connection string, when the pool is to be opened here. */
  connectionString?: string | undefined;
  /** Further settings of the pool opened here: size, TLS, time-outs, as pg takes them. */
  pool?: pg.PoolConfig | undefined;
  /** A pg Pool that stays the caller's. */
  db?: pg.Pool | undefined;
  /** Use named prepared statements. */
  prepare: boolean;
}

/** A pool of connections on which every call is one statement and no session state is left behind. */
export class Database implements Runner {
  readonly pool: pg.Pool;
  readonly #ownsPool: boolean;
  readonly #prepare: boolean;

  constructor({ connectionString, pool, db, prepare }: DatabaseOptions) {
    this.#ownsPool = db === undefined;
    this.#prepare = prepare;
    this.pool = db ?? openPool({ ...pool, ...(connectionString === undefined ? {} : { connectionString }) });
  }

  run(statement: Statement, options: CallOptions, what: string): Promise<QueryResult> {
    return this.withConnection(options, what, (connection) => connection.run(statement));
  }

  /** Checks a connection out for `work`; an SQL error does not cost the connection, a broken or stalled one goes. */
  async withConnection<T>(
    options: CallOptions,
    what: string,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const limits = new Limits(options, what);
    try {
      const client = await limits.race(this.#checkOut, releaseLate);
      const connection = new Connection(client, limits, this.#prepare);
      try {
        return await work(connection);
      } finally {
        if (connection.wasGivenUp) this.#cancel(client);
        connection.giveBack();
      }
    } finally {
      limits.end();
    }
  }

  async close(): Promise<void> {
    if (this.#ownsPool && !this.pool.ended) await this.pool.end();
  }

  readonly #checkOut = (): Promise<pg.PoolClient> =>
    this.pool.connect().catch((error: unknown) => {
      throw connectError(error);
    });

  /** Asks the server, on a connection of its own, to end what still runs for a call that was given up. */
  #cancel(client: pg.PoolClient): void {
    const { processID, secretKey } = client as unknown as { processID?: number; secretKey?: unknown };
    if (processID === undefined || secretKey === undefined) return;
    const activeQuery = {};
    const canceller = new pg.Client(this.pool.options) as pg.Client & {
      connection: { stream: { destroy(): void }; on(event: string, listener: () => void): void };
      cancel(target: object, query: object): void;
    };
    const timer = setTimeout(() => canceller.connection.stream.destroy(), cancelTimeoutMs);
    timer.unref();
    canceller.connection.on("error", () => {});
    canceller.connection.on("end", () => clearTimeout(timer));
    canceller.cancel({ activeQuery, processID, secretKey }, activeQuery);
  }
}

/** One checked-out connection within the limits of one call or transaction. */
export class Connection {
  readonly #client: pg.PoolClient;
  readonly #limits: Limits;
  readonly #prepare: boolean;
  #failure: Error | undefined;

  constructor(client: pg.PoolClient, limits: Limits, prepare: boolean) {
    this.#client = client;
    this.#limits = limits;
    this.#prepare = prepare;
    client.on("error", this.#onError);
  }

  /** The driver's client, which stands for the transaction on it. */
  get client(): pg.PoolClient {
    return this.#client;
  }

  get isBroken(): boolean {
    return this.#failure !== undefined || this.#limits.hasExpired;
  }

  /** Whether a statement may still run that nobody waits for. */
  get wasGivenUp(): boolean {
    return this.#limits.hasExpired || isGivenUp(this.#failure);
  }

  /** Runs `work` no longer than the limits of this check-out allow. */
  within<T>(work: () => Promise<T>): Promise<T> {
    return this.#limits.race(work);
  }

  async run(statement: Statement, limits: Limits = this.#limits): Promise<QueryResult> {
    if (this.#failure !== undefined) throw fromDriverError(this.#failure);
    try {
      return await limits.race(() => this.#send(statement));
    } catch (error) {
      const isSqlError = error instanceof pg.DatabaseError && !isConnectionFailure(error);
      if (error instanceof Error && !isSqlError) this.#failure ??= error;
      throw fromDriverError(error);
    }
  }

  #send({ text, values }: Statement): Promise<pg.QueryResult<Record<string, unknown>>> {
    if (!this.#prepare || values.length === 0) return this.#client.query(text, values);
    return this.#client.query({ name: statementName(text), text, values });
  }

  /** Returns the connection to its pool, or closes it when it can no longer be trusted. */
  giveBack(): void {
    this.#client.off("error", this.#onError);
    this.#client.release(this.isBroken ? (this.#failure ?? true) : undefined);
  }

  readonly #onError = (error: Error): void => {
    this.#failure ??= error;
  };
}

function releaseLate(client: pg.PoolClient): void {
  client.release();
}

/** Opens a pool that survives the loss of idle connections. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    fallback_application_name: "postkit",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...config,
  });
  pool.on("error", () => {});
  return pool;
}

export function connectError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { message, code } = error as Error & { code?: string };
  const isRefusal = code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !isConnectionFailure({ message, code });
  if (isRefusal) return error;
  return coreError("SYS_CONNECTION_FAILED", `no connection to the database: ${message || (code ?? "unknown")}`, {
    cause: error,
  });
}

function isGivenUp(error: unknown): boolean {
  return isPostkitError(error, "core.SYS_TIMEOUT") || isPostkitError(error, "core.SYS_ABORTED");
}

const statementNames = new Map<string, string>();

function statementName(text: string): string {
  let name = statementNames.get(text);
  if (name === undefined) {
    name = `postkit_${createHash("sha256").update(text).digest("hex").slice(0, 24)}`;
    statementNames.set(text, name);
  }
  return name;
}
