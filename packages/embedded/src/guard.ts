import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { parse } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";

import type { Identity } from "./identity.ts";

/**
 * Runs "$@", writes its pid to descriptor 3, and sends it the signal once standard input closes, which the kernel does
 * when the parent dies in any way. The shell itself outlives terminal signals, so that the command is never without it.
 */
const guardScript = `
signal=$1; shift
exec 4<&0 </dev/null
"$@" 3>&- 4<&- & command=$!
{ read -r _ <&4; kill -s "$signal" "$command" 2>/dev/null; } 3>&- & watcher=$!
trap '' HUP INT TERM
echo "$command" >&3
exec 3>&- 4<&-
wait "$command"; status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`;

/**
 * Waits for standard input to close, then for the server on "$1/data" to end, and removes the folder.
 * It only ever removes a folder with the name that createThrowawayFolder gives.
 */
const janitorScript = `
folder=$1
trap '' HUP INT TERM
read -r _
case $folder in (/*/postkit-pg-??????) ;; (*) exit 1 ;; esac
tries=0
while [ $tries -lt 200 ]; do
  read -r pid 2>/dev/null <"$folder/data/postmaster.pid" || break
  kill -0 "$pid" 2>/dev/null || break
  tries=$((tries + 1)); sleep 0.05
done
until rm -rf -- "$folder" || [ $tries -ge 220 ]; do tries=$((tries + 1)); sleep 0.05; done
`;

export interface ServerCommand {
  command: string;
  args: readonly string[];
  identity: Identity;
  /** Where the command's standard output and error go: a file descriptor, or pipes. */
  output: number | "pipe";
  env: NodeJS.ProcessEnv;
}

export interface GuardedCommand extends ServerCommand {
  /** Sent to the command when this process ends. */
  signal: "INT" | "QUIT" | "KILL";
}

export interface SpawnedCommand {
  /** The command, or the guard that ends when it does and with its exit code. */
  readonly child: ChildProcess;
  /** The command's; undefined when it could not be started. */
  readonly pid: Promise<number | undefined>;
}

/**
 * Starts a program that ends with this process, even when this process is killed with -9. It does not keep the event
 * loop alive.
 *
 * On Windows, which has no such shell, the program is started plainly.
 */
export function spawnGuarded({ signal, ...guarded }: GuardedCommand): SpawnedCommand {
  if (process.platform === "win32") return spawnPlain(guarded);
  const { command, args, identity, output, env } = guarded;
  const line = [...identity.prefix, command, ...args];
  const child = spawn("sh", ["-c", guardScript, "postkit-guard", signal, ...line], {
    stdio: ["pipe", output, output, "pipe"],
    env,
    cwd: "/",
    detached: true,
    ...userOf(identity),
  });
  const pid = firstNumber(child);
  unref(child);
  return { child, pid };
}

/** Starts a program that stays when this process ends. */
export function spawnDetached({
  command,
  args,
  identity,
  output,
  env,
}: ServerCommand): SpawnedCommand {
  const [first = command, ...rest] = [...identity.prefix, command, ...args];
  const child = spawn(first, rest, {
    stdio: ["ignore", output, output],
    env,
    cwd: parse(process.cwd()).root,
    detached: true,
    windowsHide: true,
    ...userOf(identity),
  });
  unref(child);
  return { child, pid: Promise.resolve(child.pid) };
}

function spawnPlain({ command, args, output, env }: ServerCommand): SpawnedCommand {
  const child = spawn(command, args, { stdio: ["ignore", output, output], env, windowsHide: true });
  unref(child);
  return { child, pid: Promise.resolve(child.pid) };
}

async function firstNumber(child: ChildProcess): Promise<number | undefined> {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Readable)) return undefined;
  return Number(await text(pipe)) || undefined;
}

/** Removes the folder when this process ends; see the script for what it refuses. Undefined on Windows. */
export function spawnJanitor(folder: string): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const child = spawn("sh", ["-c", janitorScript, "postkit-janitor", folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  unref(child);
  return child;
}

function userOf({ uid, gid }: Identity): { uid?: number; gid?: number } {
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}

function unref(child: ChildProcess): void {
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
}
