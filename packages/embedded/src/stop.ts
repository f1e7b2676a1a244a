import { execFile } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { isAlive } from "./alive.ts";
import { ServerStopError } from "./errors.ts";
import { isErrorCode, readTextIfPresent } from "./file-system.ts";
import { executable } from "./platform.ts";
import { poll } from "./poll.ts";
import { readLivingPostmaster } from "./postmaster-pid.ts";

const fastStopTimeoutMs = 30_000;
const immediateStopTimeoutMs = 10_000;

/** `SIGINT` ends sessions and writes everything out; `SIGQUIT` ends at once and recovers at the next start. */
export type StopSignal = "SIGINT" | "SIGQUIT";

/**
 * Stops the server that runs on a data directory, whoever has started it. False when none ran.
 *
 * @throws ServerStopError when it is still alive after 40 s.
 */
export async function stop(dataDir: string): Promise<boolean> {
  return stopServer(resolve(dataDir), "SIGINT");
}

export async function stopServer(dataDir: string, signal: StopSignal): Promise<boolean> {
  const postmaster = await readLivingPostmaster(dataDir);
  if (!postmaster) return false;
  const { pid } = postmaster;
  if (await endsAfter({ pid, dataDir, signal, timeoutMs: fastStopTimeoutMs })) return true;
  if (await endsAfter({ pid, dataDir, signal: "SIGQUIT", timeoutMs: immediateStopTimeoutMs }))
    return true;
  throw new ServerStopError(
    `The server on ${dataDir}, process ${pid}, does not end. End it yourself.`,
  );
}

interface Ending {
  pid: number;
  dataDir: string;
  signal: StopSignal;
  timeoutMs: number;
}

async function endsAfter({ pid, dataDir, signal, timeoutMs }: Ending): Promise<boolean> {
  await sendSignal({ pid, dataDir, signal });
  const ended = await poll(() => (isAlive(pid) ? undefined : true), { timeoutMs });
  return ended ?? false;
}

async function sendSignal({ pid, dataDir, signal }: Omit<Ending, "timeoutMs">): Promise<void> {
  if (process.platform === "win32") return sendSignalOnWindows({ pid, dataDir, signal });
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrorCode(error, "ESRCH")) throw error;
  }
}

/** Windows has no signals; PostgreSQL brings its own, which pg_ctl of the running version knows to send. */
async function sendSignalOnWindows({
  pid,
  dataDir,
  signal,
}: Omit<Ending, "timeoutMs">): Promise<void> {
  const commandLine = (await readTextIfPresent(join(dataDir, "postmaster.opts"))) ?? "";
  const postgres = /^"?(.*?postgres(?:\.exe)?)"?(?:\s|$)/i.exec(commandLine)?.[1] ?? "";
  const pgCtl = join(dirname(postgres), executable("pg_ctl"));
  await promisify(execFile)(pgCtl, ["kill", signal.slice("SIG".length), String(pid)]);
}
