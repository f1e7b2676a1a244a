import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";

import { type Binaries, locateBinaries } from "./binaries.ts";
import { readCredentials, writeCredentials } from "./credentials.ts";
import { createDataDirectory, dataDirectoryMajor } from "./data-directory.ts";
import {
  EmbeddedError,
  PasswordMismatchError,
  PortInUseError,
  ServerStartError,
  VersionMismatchError,
} from "./errors.ts";
import { describeServer, find, type RunningServer } from "./find.ts";
import { launch, type LaunchedServer, readyTimeoutMs, type ServerSettings } from "./launch.ts";
import { poll } from "./poll.ts";
import { stopServer, type StopSignal } from "./stop.ts";
import { createThrowawayFolder } from "./throwaway-folder.ts";
import { isPostgresVersion, type PostgresVersion } from "./versions.ts";

export interface StartOptions {
  /** Major version. @defaultValue that of an existing data directory or of `POSTKIT_PG_BIN`, else 18 */
  version?: PostgresVersion;
  /** Kept when the server stops. Without one, the server gets a folder that is removed at its end. */
  dataDir?: string;
  /** Whether a commit survives a power failure. @defaultValue true with a `dataDir`, false without */
  durable?: boolean;
  /** @defaultValue the one used last on this data directory when it is free, else any free one */
  port?: number;
  /**
   * The superuser's, given to a new data directory. It is kept in `postkit.json` inside it, readable by its owner only.
   * @defaultValue random with a `dataDir`; without one, there is none and every local user may log in
   */
  password?: string;
  /** Settings for the server, as in `postgresql.conf`. A server that already runs keeps its own. */
  settings?: ServerSettings;
  /**
   * Leaves the server running when this process ends, to be stopped with `stop(dataDir)`. Needs a `dataDir`.
   * Otherwise the server ends with this process, however that ends.
   * @defaultValue false
   */
  detached?: boolean;
  /** Told in a sentence what takes time: installing, creating, starting. */
  log?: (message: string) => void;
}

/** A server to use and to stop. */
export interface EmbeddedServer extends RunningServer, AsyncDisposable {
  /** True when the server ran already. */
  readonly reused: boolean;
  /**
   * Stops the server and waits for its end; without a `dataDir`, removes its folder. A server that was re-used belongs
   * to whoever has started it and goes on; `stop(dataDir)` stops that, too.
   */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL server on 127.0.0.1, or re-uses the one that runs on the data directory. The server does not
 * keep the event loop alive.
 *
 * @throws BinariesNotFoundError, VersionMismatchError, DataDirectoryError, PasswordMismatchError, PortInUseError,
 *   ServerStartError
 * @example
 * await using server = await start({ dataDir: ".postkit/pg18" });
 * const client = new pg.Client(server.url);
 */
export async function start(options: StartOptions = {}): Promise<EmbeddedServer> {
  if (options.dataDir !== undefined)
    return startPersistent({ ...options, dataDir: resolve(options.dataDir) });
  if (options.detached)
    throw new EmbeddedError("A detached server needs a dataDir, by which it is found and stopped.");
  return startThrowaway(options);
}

async function startThrowaway(options: StartOptions): Promise<EmbeddedServer> {
  const log = options.log ?? (() => {});
  const binaries = await locateBinaries({ version: options.version, log });
  const durable = options.durable ?? false;
  const folder = await createThrowawayFolder({ durable });
  try {
    const { dataDir } = folder;
    await createDataDirectory({ dataDir, binaries, password: options.password });
    const launched = await launchServer({
      options: { ...options, dataDir },
      binaries,
      durable,
      endSignal: "QUIT",
    });
    if (!launched) throw new ServerStartError(`Another server has taken ${dataDir}.`);
    return await ownServer({ dataDir, launched, signal: "SIGQUIT", afterStop: folder.remove });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

type PersistentOptions = StartOptions & { dataDir: string };

async function startPersistent(options: PersistentOptions): Promise<EmbeddedServer> {
  // More than one round only when other processes start or stop a server on the data directory at the same time.
  const server = await poll(() => reuseOrStart(options), {
    timeoutMs: readyTimeoutMs,
    intervalMs: 50,
  });
  if (server) return server;
  throw new ServerStartError(
    `A server runs on ${options.dataDir} but accepts no connection. Stop it, and see postkit.log in that folder.`,
  );
}

async function reuseOrStart(options: PersistentOptions): Promise<EmbeddedServer | undefined> {
  const running = await find(options.dataDir);
  if (running) return reuse(running, options);
  const binaries = await binariesForDataDirectory(options);
  if ((await dataDirectoryMajor(options.dataDir)) === undefined) {
    options.log?.(`creating ${options.dataDir}`);
    const password = options.password ?? randomBytes(24).toString("base64url");
    await createDataDirectory({ dataDir: options.dataDir, binaries, password });
  }
  await assertPassword(options);
  const durable = options.durable ?? true;
  const launched = await launchServer({ options, binaries, durable, endSignal: "INT" });
  if (!launched) return undefined;
  await rememberPort(options.dataDir, launched.postmaster.port);
  return ownServer({ dataDir: options.dataDir, launched, signal: "SIGINT" });
}

async function reuse(running: RunningServer, options: PersistentOptions): Promise<EmbeddedServer> {
  assertVersion(running.version, options);
  await assertPassword(options);
  if (options.port !== undefined && options.port !== running.port) {
    throw new PortInUseError(
      `A server already runs on ${options.dataDir}, at port ${running.port}. Stop it first, or ask for no port.`,
    );
  }
  options.log?.(`re-using the server at port ${running.port}`);
  const stop = async () => {};
  return { ...running, reused: true, stop, [Symbol.asyncDispose]: stop };
}

async function binariesForDataDirectory(options: PersistentOptions): Promise<Binaries> {
  const log = options.log ?? (() => {});
  const major = await dataDirectoryMajor(options.dataDir);
  if (major === undefined) return locateBinaries({ version: options.version, log });
  assertVersion(major, options);
  if (!isPostgresVersion(major)) {
    throw new VersionMismatchError(
      `${options.dataDir} was made by PostgreSQL ${major}, which this package cannot run.`,
    );
  }
  return locateBinaries({ version: major, log });
}

function assertVersion(major: number, { version, dataDir }: PersistentOptions): void {
  if (version === undefined || version === major) return;
  throw new VersionMismatchError(
    `${dataDir} was made by PostgreSQL ${major} and cannot be used by ${version}. Ask for version ${major}, or use ` +
      "another dataDir and bring the data over with pg_dump.",
  );
}

async function assertPassword({ dataDir, password }: PersistentOptions): Promise<void> {
  if (password === undefined) return;
  const known = (await readCredentials(dataDir)).password;
  if (known === undefined || known === password) return;
  throw new PasswordMismatchError(
    `${dataDir} was made with another password. Leave the password out: the server's url holds the right one.`,
  );
}

/** Flags for data that nobody will miss. */
const fastSettings: ServerSettings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
};

interface LaunchRequest {
  options: PersistentOptions;
  binaries: Binaries;
  durable: boolean;
  endSignal: "INT" | "QUIT";
}

async function launchServer({
  options,
  binaries,
  durable,
  endSignal,
}: LaunchRequest): Promise<LaunchedServer | undefined> {
  options.log?.(`starting PostgreSQL ${binaries.version} on ${options.dataDir}`);
  return launch({
    binaries,
    dataDir: options.dataDir,
    port: options.port,
    preferredPort: (await readCredentials(options.dataDir)).port,
    settings: { ...(durable ? {} : fastSettings), ...options.settings },
    detached: options.detached ?? false,
    endSignal,
  });
}

async function rememberPort(dataDir: string, port: number): Promise<void> {
  const credentials = await readCredentials(dataDir);
  if (credentials.port !== port) await writeCredentials(dataDir, { ...credentials, port });
}

interface OwnedServer {
  dataDir: string;
  launched: LaunchedServer;
  signal: StopSignal;
  afterStop?: () => Promise<void>;
}

async function ownServer({
  dataDir,
  launched,
  signal,
  afterStop,
}: OwnedServer): Promise<EmbeddedServer> {
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= stopOwn());
  const stopOwn = async () => {
    await stopServer(dataDir, signal);
    await childEnd(launched.child);
    await afterStop?.();
  };
  const server = await describeServer(dataDir, launched.postmaster);
  return { ...server, reused: false, stop, [Symbol.asyncDispose]: stop };
}

/** The guard ends right after its server; waiting for it leaves no process behind. */
async function childEnd(child: ChildProcess): Promise<void> {
  await poll(() => (child.exitCode !== null || child.signalCode !== null ? true : undefined), {
    timeoutMs: 5_000,
  });
}
