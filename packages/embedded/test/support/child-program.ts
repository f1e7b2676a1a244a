import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { EmbeddedServer, StartOptions } from "@postkit/embedded";

const program = fileURLToPath(new URL("start-and-wait.ts", import.meta.url));

export type PrintedServer = Omit<EmbeddedServer, "stop">;

/** Another Node process that starts a server. */
export interface ChildProgram extends Disposable {
  readonly process: ChildProcess;
  /** What it has started; fails with its error output when it ends before. */
  readonly server: Promise<PrintedServer>;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
}

export function runChildProgram(options: StartOptions, env: NodeJS.ProcessEnv = {}): ChildProgram {
  const child = spawn(
    process.execPath,
    ["--conditions=@postkit/source", "--import", "tsx", program, JSON.stringify(options)],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } },
  );
  const exited = once(child, "exit");
  let errors = "";
  child.stderr.on("data", (bytes: Buffer) => {
    errors += bytes.toString("utf8");
  });
  const firstLine = once(createInterface(child.stdout), "line").then(([line]): PrintedServer =>
    JSON.parse(line),
  );
  const server = Promise.race([
    firstLine,
    once(child, "close").then(() => Promise.reject(new Error(`The program ended:\n${errors}`))),
  ]);
  server.catch(() => {});
  return {
    process: child,
    server,
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}
