import { CliError } from "./cli-error.ts";
import { exitCodeOf, type ExitCode } from "./exit-codes.ts";
import { colors, printJson, say } from "./output.ts";
import { redact } from "./redact.ts";

export interface ReportOptions {
  isJson: boolean;
  isVerbose: boolean;
}

/** Tells what went wrong in one sentence and what to do, as JSON on stdout too when asked, and gives the exit code. */
export function reportError(error: unknown, { isJson, isVerbose }: ReportOptions): ExitCode {
  const fields = describeError(error);
  if (isJson) printJson({ error: { ...fields, message: redact(fields.message) } });
  say(`${colors.red("error:")} ${fields.message}`);
  const advice = adviceOf(fields);
  if (advice !== undefined) say(advice);
  if (isVerbose) say(traceOf(error));
  return exitCodeOf(fields.code);
}

interface ErrorFields {
  module: string;
  code: string;
  sqlstate: string | undefined;
  message: string;
  detail: unknown;
}

function describeError(error: unknown): ErrorFields {
  const { message, detail, code } =
    error instanceof Error ? (error as FailedQuery) : { message: String(error) };
  if (isPostkitError(error)) {
    return { module: error.module, code: error.code, sqlstate: error.sqlstate, message, detail };
  }
  if (error instanceof CliError) {
    return { module: "cli", code: error.code, sqlstate: undefined, message, detail: undefined };
  }
  const sqlstate = code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
  return { module: "cli", code: "SYS_FAILED", sqlstate, message, detail };
}

interface FailedQuery extends Error {
  code?: string;
  detail?: string;
}

interface PostkitErrorLike extends Error {
  module: string;
  code: string;
  sqlstate: string;
}

/** By core's brand and without loading core, which may be what cannot be loaded. */
function isPostkitError(error: unknown): error is PostkitErrorLike {
  return typeof error === "object" && error !== null && Symbol.for("postkit.error") in error;
}

const advices: Readonly<Record<string, string>> = {
  MIG_DRIFT:
    "A released file never changes: a change needs a step of its own. `postkit migrate verify` lists every difference.",
  MIG_AHEAD: "Update the package, or pass --allow-ahead while an older release is still running.",
  MIG_LOCK_TIMEOUT: "Wait until it is done and try again, or raise --lock-timeout.",
  MIG_FAILED: "Mend what the message names and run the command again.",
  MIG_NOT_INSTALLED: "Run `postkit migrate up` first.",
  MIG_DATA_LOSS: "Pass --yes to let it destroy that data.",
  SYS_CONNECTION_FAILED:
    "Check --database-url or DATABASE_URL, and that the server runs; `postkit dev start` gives you one.",
};

function adviceOf({ module, code }: ErrorFields): string | undefined {
  return module === "core" ? advices[code] : undefined;
}

function traceOf(error: unknown): string {
  const traces: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause) {
    traces.push(current.stack ?? current.message);
  }
  return colors.dim(traces.join("\ncaused by "));
}
