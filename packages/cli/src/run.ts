import { CommanderError } from "commander";
import type { CliErrorCode } from "./cli-error.ts";
import { exitCodes, type ExitCode } from "./exit-codes.ts";
import { printJson } from "./output.ts";
import { createProgram } from "./program.ts";
import { redact } from "./redact.ts";
import { reportError } from "./report-error.ts";

/**
 * Runs the command with these arguments and gives its exit code; never throws and never ends the process.
 *
 * @example
 * process.exitCode = await run(["migrate", "status"]);
 */
export async function run(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = createProgram(async (command) => {
    exitCode = await command;
  });
  const isJson = args.includes("--json");
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, isJson);
    const isVerbose = args.includes("--verbose") || Boolean(process.env.DEBUG);
    return reportError(error, { isJson, isVerbose });
  }
}

/** Commander has told people already: help that was asked for, or what is wrong with the arguments. */
function endOfParsing({ exitCode, message }: CommanderError, isJson: boolean): ExitCode {
  if (exitCode === 0) return exitCodes.ok;
  if (isJson) {
    const code: CliErrorCode = "VAL_USAGE";
    const sentence = redact(message.replace(/^error: /, ""));
    printJson({ error: { module: "cli", code, sqlstate: null, message: sentence, detail: null } });
  }
  return exitCodes.usage;
}
