/** A module's error codes with their SQLSTATEs. */
export type ErrorRegistry = Readonly<Record<string, string>>;

/** Codes that core itself raises, with their SQLSTATEs. */
export const coreErrors = {
  VAL_ARGUMENT: "22023",
  VAL_TEXT_ENCODING: "22021",
  VAL_SETTING_NAME: "22023",
  VAL_GRANT_KIND: "22023",
  BIZ_ROLE_UNKNOWN: "42704",
  BIZ_HANDLE_CLOSED: "08003",
  BIZ_NOT_GRANTED: "42501",
  BIZ_TRANSACTION_CLOSED: "25000",
  BIZ_TRANSACTION_NESTED: "25001",
  BIZ_TRANSACTION_ROLLED_BACK: "40000",
  SYS_TIMEOUT: "57014",
  SYS_ABORTED: "57014",
  SYS_CONNECTION_FAILED: "08001",
  SYS_CONNECTION_LOST: "08006",
  SYS_COMMIT_UNKNOWN: "08007",
  SYS_RESULT_SHAPE: "42804",
  MIG_FAILED: "XX000",
  MIG_HISTORY_INVALID: "22023",
  MIG_DRIFT: "55000",
  MIG_AHEAD: "55000",
  MIG_BEHIND: "42883",
  MIG_LOCK_TIMEOUT: "55P03",
  MIG_SCHEMA_FOREIGN: "42P06",
  MIG_DATA_LOSS: "55000",
  MIG_STEP_UNKNOWN: "22023",
  MIG_NOT_PERMITTED: "42501",
  MIG_NOT_INSTALLED: "3F000",
  MIG_ENCODING: "0A000",
} as const satisfies ErrorRegistry;

const brand = Symbol.for("postkit.error");

export interface PostkitErrorFields {
  /** The module that raised it: `authz`, or `core`. */
  module: string;
  /** The stable code: `BIZ_CYCLE_GROUP`. */
  code: string;
  sqlstate: string;
  message: string;
  /** Machine-readable detail, where the code has one. */
  detail?: unknown;
  /** The driver's own error, untouched. */
  cause?: unknown;
}

/** An error that Postkit knows: its code is part of the contract, its message is for people. */
export class PostkitError extends Error {
  readonly [brand] = true;
  readonly module: string;
  readonly code: string;
  readonly sqlstate: string;
  readonly detail: unknown;

  constructor(fields: PostkitErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "PostkitError";
    this.module = fields.module;
    this.code = fields.code;
    this.sqlstate = fields.sqlstate;
    this.detail = fields.detail;
  }
}

/**
 * Tells whether a value is a {@link PostkitError}, and with `id` whether it is that one. Works across duplicate
 * installs of this package, where `instanceof` does not.
 *
 * @example
 * if (isPostkitError(error, "authz.BIZ_CYCLE_GROUP")) …
 */
export function isPostkitError(error: unknown, id?: string): error is PostkitError {
  if (typeof error !== "object" || error === null || !(brand in error)) return false;
  const known = error as PostkitError;
  return id === undefined || id === `${known.module}.${known.code}` || id === known.module;
}

/** An error of core's own. */
export function coreError(
  code: keyof typeof coreErrors,
  message: string,
  more: { detail?: unknown; cause?: unknown; sqlstate?: string } = {},
): PostkitError {
  return new PostkitError({ module: "core", code, sqlstate: coreErrors[code], message, ...more });
}

/** An error that a module raises before it asks the database, from its own registry. */
export function moduleError<R extends ErrorRegistry>(
  module: string,
  registry: R,
  code: keyof R & string,
  message: string,
  more: { detail?: unknown; cause?: unknown } = {},
): PostkitError {
  return new PostkitError({ module, code, sqlstate: registry[code] ?? "22023", message, ...more });
}

/** What drivers put on the error of a failed statement. */
interface DriverError {
  message: string;
  code?: string | undefined;
  detail?: string | undefined;
  hint?: string | undefined;
  /** Only what the server sent has one; FATAL and PANIC end the connection. */
  severity?: string | undefined;
  /** The functions in which the server met it, if any. */
  where?: string | undefined;
}

/**
 * Turns what a driver threw into a {@link PostkitError} when it carries a Postkit code or means that the connection
 * is gone, and gives everything else back untouched.
 */
export function fromDriverError(error: unknown): unknown {
  if (isPostkitError(error)) return error;
  const source = driverErrorOf(error);
  if (source === undefined) return error;
  const [, module, code] = /^postkit:([a-z]+):([A-Z0-9_]+)$/.exec(source.hint ?? "") ?? [];
  if (module !== undefined && code !== undefined) {
    const { message, detail, code: sqlstate = "" } = source;
    return new PostkitError({
      module,
      code,
      sqlstate,
      message,
      detail: jsonOrText(detail),
      cause: error,
    });
  }
  if (isConnectionFailure(source)) {
    return coreError("SYS_CONNECTION_LOST", `the connection was lost: ${source.message}`, {
      cause: error,
    });
  }
  return error;
}

/**
 * Turns PostgreSQL's own refusal to call a module's function into a {@link PostkitError} that says what to do about it, and
 * gives everything else back untouched: what was met inside a function may be the doing of the application's triggers. Not
 * all query builders say where that was, so the message has to name the function or its schema, which it does in every
 * language.
 *
 * @param name of the function: `authz.check`
 */
export function fromCallError(error: unknown, name: string): unknown {
  if (isPostkitError(error)) return error;
  const source = driverErrorOf(error);
  const [module = "", functionName = ""] = name.split(".");
  if (source === undefined || source.where !== undefined) return error;
  if (!new RegExp(`\\b(postkit|${module}|${functionName})\\b`).test(source.message)) return error;
  switch (source.code) {
    case "42501":
      return coreError(
        "BIZ_NOT_GRANTED",
        `${name} was refused: ${source.message}. Let the owner give the role of this connection access with ` +
          "`postkit grant <role>`, and --worker or --maintenance for what these are for",
        { cause: error },
      );
    case "3F000":
      return coreError(
        "MIG_NOT_INSTALLED",
        `${name} is not there: ${source.message}. Install ${module} with \`postkit migrate up\` or migrate()`,
        { cause: error },
      );
    case "42883":
      return coreError(
        "MIG_BEHIND",
        `${name} is not there as this client calls it: ${source.message}. The ${module} of the database is older: bring it ` +
          "up to date with `postkit migrate up` or migrate()",
        { cause: error },
      );
    default:
      return error;
  }
}

/** SQLSTATE of a driver's error, however deep a query builder wrapped it. */
export function sqlstateOf(error: unknown): string | undefined {
  if (isPostkitError(error)) return error.sqlstate;
  return driverErrorOf(error)?.code;
}

/** What the server said, however deep a library wrapped it; else the outermost error with a code. */
function driverErrorOf(error: unknown): DriverError | undefined {
  let outermost: DriverError | undefined;
  let coded: DriverError | undefined;
  for (let depth = 0, current = error; depth < 5 && isWrapper(current); depth += 1) {
    if (typeof current.severity === "string") return current;
    if (typeof current.code === "string") coded ??= current;
    outermost ??= current;
    current = current.cause ?? current.meta?.driverAdapterError;
  }
  return coded ?? outermost;
}

interface Wrapper extends DriverError {
  cause?: unknown;
  /** Where Prisma keeps its driver's error. */
  meta?: { driverAdapterError?: unknown } | undefined;
}

function isWrapper(value: unknown): value is Wrapper {
  return typeof value === "object" && value !== null && "message" in value;
}

const socketCodes = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTCONN",
  "CONNECTION_CLOSED",
]);

/** Errors of pg itself that carry no code. */
const lostMessage =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/i;

/** Whether an error means that the connection can no longer be used; one that the server calls ERROR does not. */
export function isConnectionFailure({ severity, code, message }: DriverError): boolean {
  if (severity !== undefined) return severity === "FATAL" || severity === "PANIC";
  return (code !== undefined && socketCodes.has(code)) || lostMessage.test(message);
}

function jsonOrText(text: string | undefined): unknown {
  if (text === undefined || !/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
