import { type ChildProcess, spawn } from "node:child_process";

import type { Identity } from "./identity.ts";

/**
 * Runs "$@" and sends it the signal once standard input closes, which the kernel does when the parent dies in any way.
 * The shell itself outlives terminal signals, so that the command is never left without it.
 */
const guardScript = `
signal=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- & command=$!
{ read -r _ <&3; kill -s "$signal" "$command" 2>/dev/null; } & watcher=$!
trap '' HUP INT TERM
exec 3<&-
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

export interface GuardedCommand {
  command: string;
  args: readonly string[];
  identity: Identity;
  /** Sent to the command when this process ends. */
  signal: "INT" | "QUIT" | "TERM";
  /** Where the command's standard output and error go: a file descriptor, or pipes. */
  output: number | "pipe";
  env: NodeJS.ProcessEnv;
}

/**
 * Starts a program that ends with this process, even when this process is killed with -9. It does not keep the event
 * loop alive. The child returned is the guard, which ends when the program does and with its exit code.
 *
 * On Windows, which has no such shell, the program is started plainly.
 */
export function spawnGuarded({ command, args, identity, signal, output, env }: GuardedCommand): ChildProcess {
  const line = [...identity.prefix, command, ...args];
  const child =
    process.platform === "win32"
      ? spawn(command, args, { stdio: ["ignore", output, output], env, windowsHide: true })
      : spawn("sh", ["-c", guardScript, "postkit-guard", signal, ...line], {
          stdio: ["pipe", output, output],
          env,
          cwd: "/",
          detached: true,
          ...userOf(identity),
        });
  unref(child);
  return child;
}

/** Starts a program that stays when this process ends. */
export function spawnDetached({ command, args, identity, output, env }: Omit<GuardedCommand, "signal">): ChildProcess {
  const [first = command, ...rest] = [...identity.prefix, command, ...args];
  const child = spawn(first, rest, {
    stdio: ["ignore", output, output],
    env,
    detached: true,
    windowsHide: true,
    ...userOf(identity),
  });
  unref(child);
  return child;
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
  // The pipe is a socket at run time; its type only promises a Writable.
  if (child.stdin && "unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
}
