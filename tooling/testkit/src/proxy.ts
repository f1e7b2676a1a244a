import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

import { createFrontendReader, type FrontendMessages } from "./frontend-messages.ts";

const host = "127.0.0.1";

export interface ProxyStats {
  /** Taken so far, refused ones not counted. */
  connections: number;
  /** Sent by clients. */
  bytesUp: number;
  /** Sent by the server. */
  bytesDown: number;
}

/** A TCP proxy in front of a PostgreSQL server that can fail in the ways a network does. */
export interface Proxy extends AsyncDisposable {
  /** The target's URL with the proxy's address. */
  readonly url: string;
  readonly stats: Readonly<ProxyStats>;
  /** Keeps taking connections, but holds all bytes in both directions. */
  stall(): void;
  /** Resets new connections; those that live go on. */
  reject(): void;
  /** Ends `stall` and `reject`; what was held is delivered. */
  resume(): void;
  /** Resets every connection that lives. */
  cut(): void;
  /** Messages that clients have sent since the last `forgetMessages`, by type; encrypted connections count nothing. */
  clientMessages(): Record<string, number>;
  /** The SQL that clients have sent since the last `forgetMessages`. */
  clientStatements(): string[];
  forgetMessages(): void;
  close(): Promise<void>;
}

/**
 * Starts one on 127.0.0.1.
 *
 * @example
 * await using proxy = await startProxy(db.appUrl);
 * proxy.stall();
 * await expect(postkit.authz.check(...)).rejects.toMatchObject({ ... });
 */
export async function startProxy(targetUrl: string): Promise<Proxy> {
  const target = new URL(targetUrl);
  const stats: ProxyStats = { connections: 0, bytesUp: 0, bytesDown: 0 };
  const messages: FrontendMessages = { counts: new Map(), statements: [] };
  const links = new Set<Link>();
  let stalled = false;
  let rejecting = false;

  const server = createServer({ noDelay: true }, (client) => {
    if (rejecting) return void client.resetAndDestroy();
    stats.connections += 1;
    const link = createLink(client, { target, stats, messages });
    links.add(link);
    link.onClose(() => links.delete(link));
    if (stalled) link.stall();
  });
  const url = new URL(targetUrl);
  url.host = `${host}:${await listen(server)}`;

  const cut = () => links.forEach((link) => link.cut());
  const close = async () => {
    cut();
    server.close();
    await once(server, "close");
  };
  return {
    url: url.href,
    stats,
    stall() {
      stalled = true;
      links.forEach((link) => link.stall());
    },
    reject() {
      rejecting = true;
    },
    resume() {
      stalled = false;
      rejecting = false;
      links.forEach((link) => link.resume());
    },
    cut,
    clientMessages: () => Object.fromEntries(messages.counts),
    clientStatements: () => [...messages.statements],
    forgetMessages() {
      messages.counts.clear();
      messages.statements.length = 0;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address && typeof address === "object") return address.port;
  throw new Error("The proxy has no port.");
}

/** One client's connection and its counterpart at the server. */
interface Link {
  stall(): void;
  resume(): void;
  cut(): void;
  onClose(listener: () => void): void;
}

interface LinkContext {
  target: URL;
  stats: ProxyStats;
  messages: FrontendMessages;
}

function createLink(client: Socket, { target, stats, messages }: LinkContext): Link {
  const upstream = connect({
    host: target.hostname,
    port: Number(target.port || 5432),
    noDelay: true,
  });
  const read = createFrontendReader(messages);
  const flow = { stalled: false };
  forward({ from: client, to: upstream, flow }, (bytes) => {
    stats.bytesUp += bytes.length;
    read(bytes);
  });
  forward({ from: upstream, to: client, flow }, (bytes) => {
    stats.bytesDown += bytes.length;
  });
  const sockets = [client, upstream];
  return {
    stall() {
      flow.stalled = true;
      sockets.forEach((socket) => socket.pause());
    },
    resume() {
      flow.stalled = false;
      sockets.forEach((socket) => socket.resume());
    },
    cut: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    onClose: (listener) => client.once("close", listener),
  };
}

interface Direction {
  from: Socket;
  to: Socket;
  flow: { readonly stalled: boolean };
}

/** Like pipe, which would resume a socket by itself while it is to be stalled. */
function forward({ from, to, flow }: Direction, note: (bytes: Buffer) => void): void {
  from.on("data", (bytes) => {
    note(bytes);
    if (!to.write(bytes)) from.pause();
  });
  to.on("drain", () => {
    if (!flow.stalled) from.resume();
  });
  from.once("end", () => to.end());
  // A failure on one side is passed on as the end of the other.
  from.on("error", () => to.destroy());
  from.once("close", () => to.destroySoon());
}
