import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { WorkOptions } from "@postkit/queue";
import { waitFor } from "@postkit/testkit";

export interface ProgramOptions {
  /** Of each worker, as far as JSON can say. */
  readonly options?: WorkOptions;
  /** @defaultValue 1 */
  readonly workers?: number;
  /** How long a handler takes. @defaultValue 0 */
  readonly handlerMs?: number;
  /** After that many jobs, handlers do not end. @defaultValue never */
  readonly blockAfter?: number;
  /** Drains and closes after that many jobs. @defaultValue never */
  readonly drainAfter?: number;
  /** A table to which handlers write (job_id, fence). @defaultValue none */
  readonly effects?: string;
}

/** A process with workers of the queue `q` that tells what they do. */
export interface Program extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null; errors: string }>;
  hasEnded(): boolean;
  /** `begin <payload>` and `end <payload>` for each job, and `drained`. */
  lines(): string[];
  until(line: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export function startProgram(url: string, tenant: string, options: ProgramOptions = {}): Program {
  const file = fileURLToPath(new URL("worker-program.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    [
      "--conditions=@postkit/source",
      "--import",
      "tsx",
      file,
      JSON.stringify({ url, tenant, ...options }),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes: Buffer) => (output.stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (output.stderr += bytes.toString()));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    errors: output.stderr,
  }));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const lines = () => output.stdout.split("\n").filter(Boolean);
  return {
    process: child,
    ended,
    hasEnded,
    lines,
    until: async (line) => {
      // A process takes its time to start where many do.
      await waitFor(() => lines().includes(line) || hasEnded(), { what: line, timeoutMs: 30_000 });
      if (!lines().includes(line)) throw new Error(`It ended before "${line}": ${output.stderr}`);
    },
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (!hasEnded()) child.kill("SIGKILL");
      await ended;
    },
  };
}
