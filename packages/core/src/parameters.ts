import { coreError } from "./errors.ts";

/** A value whose text form is cast in SQL, so that every driver sends it the same way. */
export interface CastParameter {
  readonly text: string | null;
  readonly type: "jsonb" | "timestamptz" | "interval" | "text[]" | "bigint[]" | "numeric";
}

/** What may be passed to a function's parameter; `undefined` leaves the parameter to its default. */
export type Parameter = string | number | boolean | bigint | null | undefined | CastParameter;

export function json(value: unknown): CastParameter {
  return { text: value === undefined ? null : JSON.stringify(value), type: "jsonb" };
}

/** @throws `core.VAL_ARGUMENT` for an invalid Date. */
export function timestamp(value: Date | null): CastParameter {
  if (value !== null && Number.isNaN(value.getTime())) {
    throw coreError("VAL_ARGUMENT", "an invalid Date was given where a point in time is needed");
  }
  return { text: value === null ? null : value.toISOString(), type: "timestamptz" };
}

/** A duration: milliseconds, or ISO 8601 as `P7D`. @throws `core.VAL_ARGUMENT` for a number that is not finite. */
export function interval(value: number | string | null): CastParameter {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw coreError("VAL_ARGUMENT", "a duration in milliseconds must be a finite number");
  }
  return { text: typeof value === "number" ? `${value} milliseconds` : value, type: "interval" };
}

export function textArray(values: readonly (string | null)[] | null): CastParameter {
  return { text: values === null ? null : `{${values.map(arrayElement).join(",")}}`, type: "text[]" };
}

function arrayElement(value: string | null): string {
  return value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`;
}
