import type { ChildProcess } from "node:child_process";
import { open, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

import type { Binaries } from "./binaries.ts";
import { PortInUseError, ServerStartError } from "./errors.ts";
import { acceptsConnections } from "./find.ts";
import { type SpawnedCommand, spawnDetached, spawnGuarded } from "./guard.ts";
import { unprivilegedIdentity } from "./identity.ts";
import { poll } from "./poll.ts";
import { freePort } from "./port.ts";
import { type PostmasterPid, readPostmasterPid } from "./postmaster-pid.ts";
import { serverEnvironment } from "./server-environment.ts";

/** Long enough for a server that was killed under load to replay its log. */
export const readyTimeoutMs = 60_000;
const portAttemptsMax = 5;
const logSizeBytesMax = 1024 ** 2;
const logTailCharacters = 2_000;

/** Values for `postgresql.conf` settings. */
export type ServerSettings = Readonly<Record<string, string | number | boolean>>;

export interface LaunchOptions {
  binaries: Binaries;
  dataDir: string;
  /** Only this port will do. */
  port: number | undefined;
  /** This port is tried first. */
  preferredPort: number | undefined;
  settings: ServerSettings;
  detached: boolean;
  /** Sent to the server when this process ends; not used when detached. */
  endSignal: "INT" | "QUIT";
}

/** A server that is ready, and the process that guards it. */
export interface LaunchedServer {
  postmaster: PostmasterPid;
  child: ChildProcess;
}

/**
 * Starts a server on an existing data directory and waits until it accepts connections. Undefined when another server
 * has the data directory.
 *
 * @throws PortInUseError, ServerStartError
 */
export async function launch(options: LaunchOptions): Promise<LaunchedServer | undefined> {
  for (let attempt = 1; attempt <= portAttemptsMax; attempt += 1) {
    const preferred = options.port ?? (attempt === 1 ? options.preferredPort : undefined);
    const outcome = await launchOn(preferred ?? (await freePort()), options);
    if (outcome === "occupied") return undefined;
    if (outcome !== "port taken") return outcome;
    if (options.port !== undefined) {
      throw new PortInUseError(
        `Port ${options.port} is in use. Choose another one, or none to get a free one.`,
      );
    }
  }
  throw new PortInUseError(`No free port could be had in ${portAttemptsMax} attempts.`);
}

type Outcome = LaunchedServer | "occupied" | "port taken";

async function launchOn(port: number, options: LaunchOptions): Promise<Outcome> {
  const logFile = join(options.dataDir, "postkit.log");
  const logStart = await beginLog(logFile);
  const { child, pid } = await spawnServer(port, logFile, options);
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));
  const ownPid = await pid;

  const outcome = await poll<LaunchedServer | "ended">(
    async () => {
      if (failure || child.exitCode !== null || child.signalCode !== null) return "ended";
      const postmaster = await readPostmasterPid(options.dataDir);
      // The file may also be another server's, or left by a dead one.
      if (postmaster?.pid !== ownPid) return undefined;
      return postmaster && acceptsConnections(postmaster) ? { postmaster, child } : undefined;
    },
    { timeoutMs: readyTimeoutMs, intervalMs: 5 },
  );

  if (outcome !== undefined && outcome !== "ended") return outcome;
  const log = await readLog(logFile, logStart);
  if (outcome === "ended") return explainEnd(options.dataDir, log, failure);
  endChild(child);
  throw new ServerStartError(
    `The server on ${options.dataDir} was not ready in ${readyTimeoutMs} ms:\n${log}`,
  );
}

/** Gives the length of the log so far. */
async function beginLog(logFile: string): Promise<number> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }));
  if (size <= logSizeBytesMax) return size;
  await truncate(logFile);
  return 0;
}

async function spawnServer(
  port: number,
  logFile: string,
  options: LaunchOptions,
): Promise<SpawnedCommand> {
  const log = await open(logFile, "a", 0o600);
  try {
    const command = {
      command: options.binaries.postgres,
      args: serverArguments(port, options),
      identity: unprivilegedIdentity(),
      output: log.fd,
      env: serverEnvironment(),
    };
    return options.detached
      ? spawnDetached(command)
      : spawnGuarded({ ...command, signal: options.endSignal });
  } finally {
    await log.close();
  }
}

function serverArguments(port: number, { dataDir, settings }: LaunchOptions): string[] {
  const all: ServerSettings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    ...settings,
    port,
  };
  return [
    "-D",
    dataDir,
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
}

async function readLog(logFile: string, from: number): Promise<string> {
  const bytes = await readFile(logFile);
  return bytes.subarray(from).toString("utf8").trim().slice(-logTailCharacters);
}

function explainEnd(
  dataDir: string,
  log: string,
  failure: Error | undefined,
): "occupied" | "port taken" {
  if (/lock file ".*" already exists|pre-existing shared memory block/.test(log)) return "occupied";
  if (/Address already in use/.test(log)) return "port taken";
  throw new ServerStartError(`The server on ${dataDir} did not start. Its log:\n${log}`, {
    cause: failure,
  });
}

/** Closing its input makes the guard stop the server; a detached server is its own child. */
function endChild(child: ChildProcess): void {
  if (child.stdin) child.stdin.end();
  else child.kill("SIGQUIT");
}
