import { spawnSync } from "node:child_process";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. One that cannot be started fails as it would in a shell. */
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
  if (error) return { code: 127, stdout: "", stderr: error.message };
  return { code: status ?? 1, stdout, stderr };
}

/** What a command has printed, line by line. */
export function outputOf({ stdout, stderr }: CommandResult): string[] {
  return `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
}
