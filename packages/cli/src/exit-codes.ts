/** How the command ends: part of its contract with scripts. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  pending: 3,
  drift: 4,
  lockTimeout: 5,
  unreachable: 6,
  ahead: 7,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byCode: Readonly<Record<string, ExitCode>> = {
  MIG_DRIFT: exitCodes.drift,
  MIG_LOCK_TIMEOUT: exitCodes.lockTimeout,
  MIG_AHEAD: exitCodes.ahead,
  MIG_STEP_UNKNOWN: exitCodes.usage,
  MIG_DATA_LOSS: exitCodes.usage,
  SYS_CONNECTION_FAILED: exitCodes.unreachable,
};

/** The exit code for a stable error code of core or of the command line itself. */
export function exitCodeOf(code: string): ExitCode {
  return byCode[code] ?? (code.startsWith("VAL_") ? exitCodes.usage : exitCodes.failure);
}
