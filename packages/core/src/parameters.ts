import { coreError } from "./errors.ts";

/** The type's name becomes part of a statement: no value that came from outside may look like one of these. */
const made = Symbol.for("@postkit/core.parameter");

/** A value whose text form is cast in SQL, so that every driver sends it the same way; made by the functions below. */
export interface CastParameter {
  readonly [made]: true;
  readonly text: string | null;
  readonly type: "int" | "jsonb" | "timestamptz" | "interval" | "text[]";
}

/** Whether one of the functions below made it, of whatever copy of this package: JSON and query strings cannot. */
export function isCastParameter(value: object): value is CastParameter {
  return (value as Partial<CastParameter>)[made] === true;
}

function cast(text: string | null, type: CastParameter["type"]): CastParameter {
  return { [made]: true, text, type };
}

/** What may be passed to a function's parameter; `undefined` leaves the parameter to its default. */
export type Parameter = string | number | boolean | bigint | null | undefined | CastParameter;

/** Where PostgreSQL's calendar begins; JavaScript's ends before PostgreSQL's does. */
const earliestTime = Date.parse("-004712-01-01T00:00:00Z");

export function json(value: unknown): CastParameter {
  return cast(value === undefined ? null : JSON.stringify(value), "jsonb");
}

/** @throws `core.VAL_ARGUMENT` for an invalid Date, or one before 4713 BC */
export function timestamp(value: Date | null): CastParameter {
  if (value !== null && !(value instanceof Date && value.getTime() >= earliestTime)) {
    throw coreError("VAL_ARGUMENT", "a point in time must be a valid Date, not before 4713 BC");
  }
  return cast(value === null ? null : timestampText(value), "timestamptz");
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
  return cast(String(value), "int");
}

/** A duration: milliseconds, or ISO 8601 as `P7D`. @throws `core.VAL_ARGUMENT` for a number that is not finite. */
export function interval(value: number | string | null): CastParameter {
  if (
    typeof value === "number"
      ? !Number.isFinite(value)
      : value !== null && typeof value !== "string"
  ) {
    throw coreError(
      "VAL_ARGUMENT",
      "a duration must be a finite number of milliseconds, or ISO 8601 text",
    );
  }
  return cast(typeof value === "number" ? intervalText(value) : value, "interval");
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
  return cast(`{${values.map(arrayElement).join(",")}}`, "text[]");
}

function arrayElement(value: string | null): string {
  if (value !== null && typeof value !== "string")
    throw coreError(
      "VAL_ARGUMENT",
      "an array of texts is needed, and there is something else in it",
    );
  return value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`;
}
