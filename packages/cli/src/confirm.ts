import { createInterface } from "node:readline/promises";
import { redact } from "./redact.ts";

/** Whether there is someone to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal; anything but yes means no, as does the end of input. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<string>((resolve) => {
      terminal.once("close", () => resolve(""));
      terminal.once("SIGINT", () => resolve(""));
    });
    const answer = await Promise.race([terminal.question(redact(`${question} [y/N] `)), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
