import { isPostkitError } from "@postkit/core";

/** Longest text that is kept of an error. */
const charactersMax = 8_000;
const causesMax = 5;

/**
 * What is kept with a job of what its handler threw, which may be anything: the code of an error of ours, the stack and
 * those of its causes, in characters that PostgreSQL stores.
 */
export function describeError(error: unknown): string {
  try {
    return textOf(error, causesMax).slice(0, charactersMax).replaceAll("\0", "").toWellFormed();
  } catch {
    return "an error that cannot be shown";
  }
}

function textOf(error: unknown, causes: number): string {
  if (!(error instanceof Error)) {
    return typeof error === "object" && error !== null ? JSON.stringify(error) : String(error);
  }
  const code = isPostkitError(error) ? `${error.module}.${error.code}: ` : "";
  const stack = typeof error.stack === "string" ? error.stack : `${error.name}: ${error.message}`;
  const { cause } = error;
  return cause === undefined || causes === 0
    ? code + stack
    : `${code}${stack}\ncaused by ${textOf(cause, causes - 1)}`;
}
