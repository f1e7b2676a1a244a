import { coreError } from "./errors.ts";

/** A value whose text form is cast in SQL, so that every driver sends it the same way. */
export interface CastParameter {
  readonly text: string | null;
  readonly type: "int" | "jsonb" | "timestamptz" | "interval" | "text[]" | "bigint[]" | "numeric";
}

/** What may be passed to a function's parameter; `undefined` leaves the parameter to its default. */
export type Parameter = string | number | boolean | bigint | null | undefined | CastParameter;

/** Where PostgreSQL's calendar begins; JavaScript's ends before PostgreSQL's does. */
const earliestTime = Date.parse("-004712-01-01T00:00:00Z");

export function json(value: unknown): CastParameter {
  return { text: value === undefined ? null : JSON.stringify(value), type: "jsonb" };
}

/** @throws `core.VAL_ARGUMENT` for an invalid Date, or one before 4713 BC */
export function timestamp(value: Date | null): CastParameter {
  if (value !== null && !(value instanceof Date && value.getTime() >= earliestTime)) {
    throw coreError("VAL_ARGUMENT", "a point in time must be a valid Date, not before 4713 BC");
  }
  return { text: value === null ? null : timestampText(value), type: "timestamptz" };
}

/** ISO 8601 signs years before 1 and after 9999, and counts a year 0; PostgreSQL does neither. */
function timestampText(value: Date): string {
  const text = value.toISOString();
  const year = value.getUTCFullYear();
  if (year >= 1 && year <= 9999) return text;
  const afterYear = text.slice(text.indexOf("-", 1));
  return year > 0 ? `${year}${afterYear}` : `${String(1 - year).padStart(4, "0")}${afterYear} BC`;
}

const intMax = 2 ** 31 - 1;

/** @throws `core.VAL_ARGUMENT` for what is no whole number of 32 bits */
export function int(value: number): CastParameter {
  if (!Number.isInteger(value) || value > intMax || value < -intMax - 1) {
    throw coreError("VAL_ARGUMENT", `a whole number of at most 32 bits is needed, not ${value}`);
  }
  return { text: String(value), type: "int" };
}

/** A duration: milliseconds, or ISO 8601 as `P7D`. @throws `core.VAL_ARGUMENT` for a number that is not finite. */
export function interval(value: number | string | null): CastParameter {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw coreError("VAL_ARGUMENT", "a duration in milliseconds must be a finite number");
  }
  return { text: typeof value === "number" ? intervalText(value) : value, type: "interval" };
}

/** Before version 15, PostgreSQL takes no more than 2^31 milliseconds as a field; it never takes an exponent. */
function intervalText(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const hours = Math.floor(Math.abs(ms) / 3_600_000);
  const restMs = Math.abs(ms) - hours * 3_600_000;
  return `${sign}${hours} hours ${sign}${restMs.toFixed(3)} milliseconds`;
}

/** @throws `core.VAL_ARGUMENT` for what is no array */
export function textArray(values: readonly (string | null)[]): CastParameter {
  if (!Array.isArray(values)) throw coreError("VAL_ARGUMENT", "an array of texts is needed");
  return { text: `{${values.map(arrayElement).join(",")}}`, type: "text[]" };
}

function arrayElement(value: string | null): string {
  return value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`;
}
