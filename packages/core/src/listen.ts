import pg from "pg";
import { backoffMs } from "./backoff.ts";
import { DedicatedConnection } from "./dedicated-connection.ts";
import { coreError } from "./errors.ts";
import { callHook } from "./hook.ts";
import { timerMsMax } from "./limits.ts";
import { isStorable } from "./statement.ts";

/** Longest name of a channel in bytes, which is PostgreSQL's for every name. */
const channelBytesMax = 63;
const reconnectFirstMs = 100;

/** What a subscriber is told, in this order: `gap`, notifications, and with an outage `lost` and `gap` again. */
export type ListenEvent =
  /** Somebody notified the channel; without a payload it is empty. */
  | { readonly type: "notification"; readonly channel: string; readonly payload: string }
  /**
   * From now on every notification arrives; those before may have been missed, so look for yourself once. Comes when
   * the subscription begins and after every outage.
   */
  | { readonly type: "gap" }
  /** No notification arrives until the next `gap`. Told once an outage, a first attempt to connect included. */
  | { readonly type: "lost"; readonly error: unknown };

/** Is not waited for; what it throws, at once or later, becomes a process warning. */
export type ListenHandler = (event: ListenEvent) => void | Promise<void>;

/** One handler on one channel. */
export interface Subscription extends AsyncDisposable {
  readonly channel: string;
  /** Resolves with the first `gap`; rejects when the subscription was closed before. */
  readonly ready: Promise<void>;
  /** Tells the handler nothing more. After the last subscription, waits until the connection is closed. */
  close(): Promise<void>;
}

/** How the connection of a listener is watched and brought back. */
export interface ListenerOptions {
  /** Time between two questions whether the server is still there, in milliseconds. @defaultValue 15000 */
  heartbeatMs?: number | undefined;
  /** Longest wait for an answer in milliseconds, after which the connection is replaced. @defaultValue 5000 */
  answerTimeoutMs?: number | undefined;
  /** Longest wait between two attempts to connect in milliseconds; the first ones wait less. @defaultValue 5000 */
  reconnectMsMax?: number | undefined;
}

/**
 * Subscriptions to channels on one connection of their own, which is there while anybody is subscribed and comes back
 * for ever.
 */
export class Listener {
  readonly #config: () => pg.ClientConfig;
  readonly #heartbeatMs: number;
  readonly #answerTimeoutMs: number;
  readonly #reconnectMsMax: number;
  readonly #channels = new Map<string, Set<Subscriber>>();
  #running: Promise<void> | undefined;
  #isClosed = false;
  #failures = 0;
  /** Ends the wait for something to do. */
  #wake = () => {};
  /** Ends what is under way, once nobody is subscribed. */
  #interrupt: () => void | Promise<void> = () => {};

  /** @param config asked for each connection anew, since passwords change */
  constructor(config: () => pg.ClientConfig, options: ListenerOptions) {
    this.#config = config;
    this.#heartbeatMs = milliseconds("heartbeatMs", options.heartbeatMs ?? 15_000);
    this.#answerTimeoutMs = milliseconds("answerTimeoutMs", options.answerTimeoutMs ?? 5_000);
    this.#reconnectMsMax = milliseconds("reconnectMsMax", options.reconnectMsMax ?? 5_000);
  }

  listen(channel: string, handler: ListenHandler): Subscription {
    assertChannel(channel);
    if (typeof handler !== "function") {
      throw coreError("VAL_ARGUMENT", "listen takes a function that is told the events");
    }
    if (this.#isClosed) {
      throw coreError("BIZ_HANDLE_CLOSED", "listen was called after close()");
    }
    const subscriber = new Subscriber(channel, handler, () => this.#leave(subscriber));
    const others = this.#channels.get(channel);
    if (others === undefined) this.#channels.set(channel, new Set([subscriber]));
    else others.add(subscriber);
    this.#running ??= this.#run();
    this.#wake();
    return subscriber;
  }

  /** Ends all subscriptions and the connection, for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const subscriber of this.#subscribers()) subscriber.end();
    this.#channels.clear();
    await this.#interrupt();
    await this.#running;
  }

  async #leave(subscriber: Subscriber): Promise<void> {
    subscriber.end();
    const others = this.#channels.get(subscriber.channel);
    if (others?.delete(subscriber) !== true) return;
    if (others.size === 0) this.#channels.delete(subscriber.channel);
    if (this.#channels.size === 0) await this.#interrupt();
    else this.#wake();
  }

  /** One connection after the other, for as long as anybody is subscribed. Never throws. */
  async #run(): Promise<void> {
    // Whoever has just subscribed gets his subscription before he is told anything.
    await Promise.resolve();
    while (this.#channels.size > 0) {
      try {
        await this.#serve();
      } catch (error) {
        for (const subscriber of this.#subscribers()) subscriber.goDown(error);
        await this.#pause();
      }
    }
    this.#running = undefined;
  }

  /**
   * Serves the subscribers on one connection, until there are none.
   *
   * @throws what ended the connection before
   */
  async #serve(): Promise<void> {
    const connection = new DedicatedConnection({
      config: this.#config(),
      heartbeatMs: this.#heartbeatMs,
      answerTimeoutMs: this.#answerTimeoutMs,
      onNotification: (channel, payload) => this.#pass(channel, payload),
      onEnd: () => this.#wake(),
    });
    this.#interrupt = () => connection.close();
    const listened = new Set<string>();
    try {
      await connection.open();
      while (!connection.isClosed) {
        // Asked for first, so that nothing that happens from here on goes unseen.
        const change = this.#change();
        connection.assertAlive();
        this.#goLive(listened);
        const statements = this.#align(listened);
        if (statements === "") this.#failures = 0;
        await (statements === "" ? change : connection.run(statements));
      }
    } catch (error) {
      if (!connection.isClosed) throw error;
    } finally {
      await connection.close();
    }
  }

  /** What makes the connection listen to the channels of the subscribers, no more and no less, and notes it. */
  #align(listened: Set<string>): string {
    const more = [...this.#channels.keys()].filter((channel) => !listened.has(channel));
    const fewer = [...listened].filter((channel) => !this.#channels.has(channel));
    for (const channel of more) listened.add(channel);
    for (const channel of fewer) listened.delete(channel);
    return [
      ...more.map((channel) => `listen ${pg.escapeIdentifier(channel)}`),
      ...fewer.map((channel) => `unlisten ${pg.escapeIdentifier(channel)}`),
    ].join("; ");
  }

  #goLive(listened: ReadonlySet<string>): void {
    for (const subscriber of this.#subscribers()) {
      if (listened.has(subscriber.channel)) subscriber.goLive();
    }
  }

  #pass(channel: string, payload: string): void {
    for (const subscriber of this.#channels.get(channel) ?? []) {
      subscriber.notify(channel, payload);
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The wait before the next attempt. It keeps the process alive, as the connection would. */
  async #pause(): Promise<void> {
    if (this.#channels.size === 0) return;
    const ms = backoffMs(this.#failures, {
      firstMs: reconnectFirstMs,
      maxMs: this.#reconnectMsMax,
    });
    this.#failures += 1;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A copy, since those who are told something may come and go. */
  #subscribers(): Subscriber[] {
    return [...this.#channels.values()].flatMap((subscribers) => [...subscribers]);
  }
}

class Subscriber implements Subscription {
  readonly channel: string;
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
  readonly #handler: ListenHandler;
  #resolveReady!: () => void;
  #rejectReady!: (error: Error) => void;
  #state: "new" | "live" | "down" | "ended" = "new";

  constructor(channel: string, handler: ListenHandler, close: () => Promise<void>) {
    this.channel = channel;
    this.close = close;
    this.#handler = handler;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Who does not wait for it does not want to know.
    this.ready.catch(() => {});
  }

  notify(channel: string, payload: string): void {
    if (this.#state === "live") this.#tell({ type: "notification", channel, payload });
  }

  goLive(): void {
    if (this.#state === "live" || this.#state === "ended") return;
    this.#state = "live";
    this.#resolveReady();
    this.#tell({ type: "gap" });
  }

  goDown(error: unknown): void {
    if (this.#state === "down" || this.#state === "ended") return;
    this.#state = "down";
    this.#tell({ type: "lost", error });
  }

  end(): void {
    this.#state = "ended";
    this.#rejectReady(coreError("SYS_ABORTED", "the subscription was closed before it was ready"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tell(event: ListenEvent): void {
    callHook(this.#handler, event, {
      what: `the listener of channel ${this.channel}`,
      code: "LISTEN",
    });
  }
}

function assertChannel(channel: string): void {
  if (typeof channel !== "string" || channel === "") {
    throw coreError("VAL_ARGUMENT", "channel must be a text that is not empty");
  }
  if (Buffer.byteLength(channel) > channelBytesMax) {
    throw coreError("VAL_ARGUMENT", `channel must have at most ${channelBytesMax} bytes`);
  }
  if (!isStorable(channel)) {
    throw coreError(
      "VAL_TEXT_ENCODING",
      "channel contains a NUL character or an unpaired surrogate",
    );
  }
}

function milliseconds(name: string, value: number): number {
  if (typeof value === "number" && value > 0 && value <= timerMsMax) return value;
  throw coreError(
    "VAL_ARGUMENT",
    `${name} must be a positive number of milliseconds, not ${value}`,
  );
}
