import type { ChildProcess } from "node:child_process";

/** How a program ended, and all it has written. */
export interface EndedChild {
  /** Null when a signal ended it, or when it could not be started. */
  exitCode: number | null;
  output: string;
}

/** Waits for a program whose output is piped. */
export function endOfChild(child: ChildProcess): Promise<EndedChild> {
  let output = "";
  const append = (bytes: Buffer) => {
    output += bytes.toString("utf8");
  };
  child.stdout?.on("data", append);
  child.stderr?.on("data", append);
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ exitCode: null, output: error.message }));
    child.once("close", (exitCode) => resolve({ exitCode, output }));
  });
}
