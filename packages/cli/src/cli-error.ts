/** Codes of the command line itself; `VAL_USAGE` is a mistake in the arguments. */
export type CliErrorCode =
  | "VAL_USAGE"
  | "BIZ_CANCELLED"
  | "BIZ_MODULES_MISSING"
  | "BIZ_MODULE_INVALID"
  | "BIZ_PROJECT_INVALID"
  | "BIZ_SERVER_NOT_RUNNING"
  | "SYS_EMBEDDED_MISSING"
  | "SYS_FAILED";

/** What the command line refuses by itself; the message says what to do. */
export class CliError extends Error {
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.code = code;
  }
}

export function usageError(message: string): CliError {
  return new CliError("VAL_USAGE", message);
}
