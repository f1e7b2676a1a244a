import { createHash } from "node:crypto";
import pg from "pg";
import type { Runner } from "./call.ts";
import { coreError, fromDriverError, isConnectionFailure, isPostkitError } from "./errors.ts";
import type { QueryResult } from "./executor.ts";
import { Limits, type CallOptions } from "./limits.ts";
import type { Statement } from "./statement.ts";

const cancelTimeoutMs = 2_000;

export interface DatabaseOptions {
  /** Settings of the pool to be opened here, as pg takes them. */
  pool?: pg.PoolConfig | undefined;
  /** A pg Pool that stays the caller's, instead. */
  db?: pg.Pool | undefined;
  /** Use named prepared statements. */
  prepare: boolean;
}

/** A pool of connections on which every call is one statement and no session state is left behind. */
export class Database implements Runner {
  readonly joins = false;
  readonly pool: pg.Pool;
  readonly #ownsPool: boolean;
  readonly #prepare: boolean;
  #apart: readonly Database[] = [];
  #isClosing = false;
  /** What is to end before this is closed. */
  beforeClose: () => Promise<void> = async () => {};

  constructor({ pool, db, prepare }: DatabaseOptions) {
    this.#ownsPool = db === undefined;
    this.#prepare = prepare;
    this.pool = db ?? openPool(pool ?? {});
    guardConnections(this.pool);
  }

  async run(statement: Statement, options: CallOptions, what: string): Promise<QueryResult> {
    this.assertOpen(`${what} was called`);
    const limits = new Limits(options, what);
    try {
      return await this.#runOnce(statement, limits, this.#prepare);
    } catch (error) {
      if (!this.#prepare || !isStalePreparedStatement(error)) throw error;
      return await this.#runOnce(statement, limits, false);
    } finally {
      limits.end();
    }
  }

  /**
   * Checks a connection out for `work`; an SQL error does not cost the connection, a broken or stalled one goes.
   *
   * @param checkOutTimeoutMs longest wait for a connection, within the limits
   */
  async withConnection<T>(
    limits: Limits,
    checkOutTimeoutMs: number,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    this.assertOpen("a transaction was begun");
    const client = await this.#checkOutWithin(limits, checkOutTimeoutMs);
    const connection = new Connection(client, limits, this.#prepare);
    try {
      return await work(connection);
    } finally {
      connection.giveBack();
    }
  }

  /** A small pool beside this one, of connections made and set up as its own are. It is closed with this one at the latest. */
  apart(connections: number): Database {
    const { pool } = this;
    const what = "connections were asked for";
    if (this.#isClosing) throw closedError(what, "close()");
    this.assertOpen(what);
    const { options } = pool;
    const apart = new Database({
      // The pool hides the password from being enumerated.
      pool: { ...options, password: options.password, max: connections, min: 0 },
      prepare: this.#prepare,
    });
    apart.pool.on("connect", (client) => pool.emit("connect", client));
    this.#apart = [...this.#apart.filter((other) => !other.pool.ending), apart];
    return apart;
  }

  /**
   * @param what has happened, for the message
   * @throws `core.BIZ_HANDLE_CLOSED` once the pool has ended; one that is the caller's goes on after `close`
   */
  assertOpen(what: string): void {
    if (!this.pool.ending) return;
    throw closedError(what, this.#isClosing ? "close()" : "the end of its pool");
  }

  /** Lets those who have connections apart end what they are at. */
  async endApart(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#apart.map((database) => database.beforeClose()));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const apart = this.#apart.map((database) => database.close());
    if (this.#ownsPool && !this.pool.ending) await this.pool.end();
    await Promise.all(apart);
  }

  async #runOnce(statement: Statement, limits: Limits, prepare: boolean): Promise<QueryResult> {
    const client = await this.#checkOut(limits);
    const connection = new Connection(client, limits, prepare);
    try {
      return await connection.run(statement);
    } finally {
      connection.giveBack();
    }
  }

  async #checkOutWithin(limits: Limits, timeoutMs: number): Promise<pg.PoolClient> {
    const waiting = new Limits({ timeoutMs }, "waiting for a connection");
    try {
      return await limits.race(() => this.#checkOut(waiting), release);
    } finally {
      waiting.end();
    }
  }

  #checkOut(limits: Limits): Promise<pg.PoolClient> {
    return limits.guard<pg.PoolClient>(
      (resolve, reject) =>
        this.pool.connect((error, client) => {
          if (client === undefined) reject(connectError(error));
          else resolve(client);
        }),
      release,
    );
  }
}

/** One checked-out connection within the limits of one call or transaction. */
export class Connection {
  readonly client: pg.PoolClient;
  readonly #limits: Limits;
  readonly #prepare: boolean;
  readonly #onError: (error: Error) => void;
  #failure: Error | undefined;

  constructor(client: pg.PoolClient, limits: Limits, prepare: boolean) {
    this.client = client;
    this.#limits = limits;
    this.#prepare = prepare;
    this.#onError = (error) => {
      this.#failure ??= error;
    };
    client.on("error", this.#onError);
  }

  get isBroken(): boolean {
    return this.#failure !== undefined || this.#limits.hasExpired;
  }

  /** Runs `work` no longer than the limits of this check-out allow. */
  within<T>(work: () => Promise<T>): Promise<T> {
    return this.#limits.race(work);
  }

  async run(statement: Statement, limits: Limits = this.#limits): Promise<QueryResult> {
    this.assertUsable();
    try {
      return await limits.race(() => this.#send(statement));
    } catch (error) {
      if (error instanceof Error && endsConnection(error)) this.#failure ??= error;
      throw fromDriverError(error);
    }
  }

  /** @throws what broke the connection */
  assertUsable(): void {
    if (this.#failure !== undefined) throw fromDriverError(this.#failure);
  }

  /** Returns the connection to its pool, or closes it when it can no longer be trusted. */
  giveBack(): void {
    // A pooler forgets whom to cancel when the connection is closed, so it stays open that long.
    if (this.#wasGivenUp) cancel(this.client, () => this.#release());
    else this.#release();
  }

  /** Whether a statement may still run that nobody waits for. */
  get #wasGivenUp(): boolean {
    return this.#limits.hasExpired || isGivenUp(this.#failure);
  }

  #release(): void {
    this.client.off("error", this.#onError);
    this.client.release(this.isBroken ? (this.#failure ?? true) : undefined);
  }

  #send({ text, values, isCall }: Statement): Promise<pg.QueryResult<Record<string, unknown>>> {
    if (!this.#prepare || isCall !== true) return this.client.query(text, values);
    return this.client.query({ name: statementName(text), text, values });
  }
}

function closedError(what: string, since: string): Error {
  return coreError("BIZ_HANDLE_CLOSED", `${what} after ${since}`);
}

/** Opens a pool that survives the loss of idle connections. */
function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    fallback_application_name: "postkit",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...config,
  });
  pool.on("error", () => {});
  return pool;
}

const guarded = new WeakSet<pg.Pool>();

/**
 * The pool stops listening to a new connection before whoever asked for it can begin, and one that ends in between, with
 * the packet that opened it, would end the process. Its first statement fails all the same.
 */
function guardConnections(pool: pg.Pool): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  pool.on("connect", (client) => client.on("error", () => {}));
}

/** Whatever keeps a connection from being made is one coded error, with the reason as its cause. */
export function connectError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { message, code } = error as Error & { code?: string };
  return coreError(
    "SYS_CONNECTION_FAILED",
    `no connection to the database: ${message || (code ?? "unknown")}`,
    {
      cause: error,
    },
  );
}

function release(client: pg.PoolClient): void {
  client.release();
}

function endsConnection(error: Error): boolean {
  return isGivenUp(error) || isConnectionFailure(error) || isStalePreparedStatement(error);
}

function isGivenUp(error: unknown): boolean {
  return isPostkitError(error, "core.SYS_TIMEOUT") || isPostkitError(error, "core.SYS_ABORTED");
}

/**
 * Whether a statement failed before it ran because its name or its plan is no longer what this connection believes:
 * somebody deallocated it, or a migration changed what the function returns.
 */
function isStalePreparedStatement(error: unknown): boolean {
  const { code, routine } = error as { code?: string; routine?: string };
  return (
    code === "26000" ||
    code === "42P05" ||
    (code === "0A000" && routine === "RevalidateCachedQuery")
  );
}

/**
 * Asks the server, on a connection of its own, to end what still runs for a call that was given up. The request goes
 * in the clear, as that of libpq did before version 17: it carries no credentials and no data.
 */
function cancel(client: pg.PoolClient, done: () => void): void {
  const { processID, secretKey, host, port } = client as pg.PoolClient & {
    processID?: number;
    secretKey?: unknown;
    host: string;
    port: number;
  };
  if (processID === undefined || secretKey === undefined) return done();
  const activeQuery = {};
  const canceller = new pg.Client({ host, port, ssl: false }) as pg.Client & {
    connection: { stream: { destroy(): void }; on(event: string, listener: () => void): void };
    cancel(target: object, query: object): void;
  };
  const timer = setTimeout(() => canceller.connection.stream.destroy(), cancelTimeoutMs);
  timer.unref();
  canceller.connection.on("error", () => {});
  canceller.connection.on("end", () => {
    clearTimeout(timer);
    done();
  });
  canceller.cancel({ activeQuery, processID, secretKey }, activeQuery);
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
