import pg from "pg";
import { connectError } from "./database.ts";
import { coreError, fromDriverError } from "./errors.ts";
import { Limits } from "./limits.ts";

const connectTimeoutMs = 10_000;
const closeTimeoutMs = 2_000;

export interface DedicatedConnectionOptions {
  readonly config: pg.ClientConfig;
  /** Time between two questions whether the server is still there. */
  readonly heartbeatMs: number;
  /** Longest wait for the answer to any statement. */
  readonly answerTimeoutMs: number;
  readonly onNotification: (channel: string, payload: string) => void;
  /** Told when it was lost or is being closed. */
  readonly onEnd: () => void;
}

/** One connection outside the pool, watched by a heartbeat. Whatever fails on it, even a statement, ends it. */
export class DedicatedConnection {
  readonly #options: DedicatedConnectionOptions;
  readonly #client: pg.Client;
  #heartbeat: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isOpen = false;
  #closed: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(options: DedicatedConnectionOptions) {
    this.#options = options;
    this.#client = new pg.Client(options.config);
    this.#client.on("error", (error) => this.#fail(fromDriverError(error)));
    this.#client.on("end", () => this.#fail(coreError("SYS_CONNECTION_LOST", "it was closed")));
    this.#client.on("notification", ({ channel, payload = "" }) =>
      options.onNotification(channel, payload),
    );
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  async open(): Promise<void> {
    try {
      await this.#client.connect();
    } catch (error) {
      throw connectError(error);
    }
    this.#isOpen = true;
    // The socket is what keeps the process alive.
    this.#heartbeat = setInterval(
      () => void this.run("select 1").catch(() => {}),
      this.#options.heartbeatMs,
    ).unref();
  }

  /** @throws what ended the connection */
  assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Runs statements without values, after those before. */
  run(text: string): Promise<void> {
    const sent = this.#last.then(() => this.#send(text));
    this.#last = sent.catch(() => {});
    return sent;
  }

  /** Says goodbye to a server that listens, and waits no longer than it must for one that does not. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #send(text: string): Promise<void> {
    this.assertAlive();
    const limits = new Limits(
      { timeoutMs: this.#options.answerTimeoutMs },
      "an answer on the dedicated connection",
    );
    try {
      await limits.race(() => this.#client.query(text));
    } catch (error) {
      throw this.#fail(fromDriverError(error));
    } finally {
      limits.end();
    }
  }

  /** Ends the connection and gives what first did. */
  #fail(error: unknown): Error {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    clearInterval(this.#heartbeat);
    this.#destroy();
    this.#options.onEnd();
    return this.#failure;
  }

  async #close(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#options.onEnd();
    if (!this.#isOpen) return this.#destroy();
    const timer = setTimeout(() => this.#destroy(), closeTimeoutMs);
    await this.#client.end();
    clearTimeout(timer);
  }

  /** Works in every state, also while the connection is being made, where pg's own `end` would never come back. */
  #destroy(): void {
    const { connection } = this.#client as pg.Client & {
      connection: { stream: { destroy(): void } };
    };
    connection.stream.destroy();
  }
}

/** What a pool's connections are made with, for one outside of it. */
export function dedicatedConfig(
  pool: pg.PoolConfig,
  connectionString: string | undefined,
): pg.ClientConfig {
  return {
    ...pool,
    ...(connectionString === undefined ? {} : { connectionString }),
    // The pool hides it from being enumerated.
    password: pool.password,
    connectionTimeoutMillis: pool.connectionTimeoutMillis || connectTimeoutMs,
    keepAlive: true,
  };
}
