import { spawnSync } from "node:child_process";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function runCommand(
  cwd: string,
  [command, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  if (error) throw error;
  return { code: status ?? 1, stdout, stderr };
}

/** What went wrong with a command, as a list that is empty when nothing did. */
export function problemsOf({ code, stdout, stderr }: CommandResult): string[] {
  return code === 0 ? [] : [`exit code ${code}`, ...lines(stdout), ...lines(stderr)];
}

export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
