import { isPostkitError } from "@postkit/core";

/** Data that cannot be, constraints, limits, and what a trigger raises. */
const classes = new Set(["22", "23", "54", "P0"]);

/** Whether what was sent is to blame for an error, so that sending it again would fail again. */
export function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: string };
  const sqlstate = isPostkitError(error) ? error.sqlstate : code;
  return classes.has(String(sqlstate).slice(0, 2));
}
