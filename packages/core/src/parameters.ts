import { durationText, isPortable, parseDuration } from "./duration.ts";
import { coreError } from "./errors.ts";

/** The type's name becomes part of a statement: no value that came from outside may look like one of these. */
const made = Symbol.for("@postkit/core.parameter");

/** A value whose text form is cast in SQL, so that every driver sends it the same way; made by the functions below. */
export interface CastParameter {
  readonly [made]: true;
  readonly text: string | null;
  readonly type: ScalarType | "text[]" | "bigint[]" | "jsonb[]" | "interval[]";
}

type ScalarType = "int" | "bigint" | "jsonb" | "timestamptz" | "date" | "interval";

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

/** @throws `core.VAL_ARGUMENT` for what has no JSON: a function, a bigint, an object that contains itself */
export function json(value: unknown): CastParameter {
  return cast(jsonText(value), "jsonb");
}

function jsonText(value: unknown): string | null {
  if (value === undefined) return null;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw coreError("VAL_ARGUMENT", `there is no JSON for a value: ${reasonOf(cause)}`, { cause });
  }
  if (text === undefined) throw coreError("VAL_ARGUMENT", `there is no JSON for a ${typeof value}`);
  return text;
}

/** The first line: V8 draws a picture of a circle below it. */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : "it threw no error";
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
    const given = typeof value === "number" ? String(value) : `a ${typeof value}`;
    throw coreError("VAL_ARGUMENT", `a whole number of at most 32 bits is needed, not ${given}`);
  }
  return cast(String(value), "int");
}

/** @throws `core.VAL_ARGUMENT` for what is no whole number of 64 bits, or a number too large to be exact */
export function bigint(value: string | number | bigint | null): CastParameter {
  return cast(value === null ? null : bigintText(value), "bigint");
}

const bigintMax = 2n ** 63n - 1n;

function bigintText(value: string | number | bigint): string {
  if (typeof value === "string" && /^\d{1,18}$/.test(value)) return value;
  if (isWhole(value)) {
    const whole = BigInt(value);
    if (whole <= bigintMax && whole >= -bigintMax - 1n) return whole.toString();
  }
  throw coreError("VAL_ARGUMENT", "a whole number of at most 64 bits is needed");
}

function isWhole(value: string | number | bigint): boolean {
  if (typeof value === "string") return /^-?\d{1,19}$/.test(value);
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

/** A day of the calendar, `2026-01-31`. @throws `core.VAL_ARGUMENT` for anything else */
export function date(value: string | null): CastParameter {
  if (value !== null && !isDay(value)) {
    throw coreError("VAL_ARGUMENT", "a day must be a text as 2026-01-31");
  }
  return cast(value, "date");
}

function isDay(value: unknown): boolean {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d$/.test(value) || value < "0001") return false;
  const time = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(value);
}

/**
 * A duration: milliseconds, ISO 8601 as `P7D`, or PostgreSQL's own form, `7 days`.
 *
 * @throws `core.VAL_ARGUMENT` for a number that is not finite, for other text, and for what no interval can hold
 */
export function interval(value: number | string | null): CastParameter {
  return cast(value === null ? null : intervalText(value), "interval");
}

function intervalText(value: number | string): string {
  if (typeof value === "number" && Math.abs(value) < longestMs) return millisecondsText(value);
  const duration = typeof value === "string" ? parseDuration(value) : undefined;
  if (duration !== undefined && isPortable(duration)) return durationText(duration);
  throw coreError(
    "VAL_ARGUMENT",
    "a duration must be a number of milliseconds or ISO 8601 text, and no longer than an interval can be",
  );
}

/** Before version 15, PostgreSQL takes no more hours than these. */
const longestMs = 2 ** 31 * 3_600_000;

/** Before version 15, PostgreSQL takes no more than 2^31 milliseconds as a field; it never takes an exponent. */
function millisecondsText(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const hours = Math.floor(Math.abs(ms) / 3_600_000);
  const restMs = Math.abs(ms) - hours * 3_600_000;
  return `${sign}${hours} hours ${sign}${restMs.toFixed(3)} milliseconds`;
}

/** @throws `core.VAL_ARGUMENT` for what is no array of texts */
export function textArray(values: readonly (string | null)[]): CastParameter {
  return array("text[]", values, (value) => {
    if (typeof value === "string") return quoted(value);
    throw coreError(
      "VAL_ARGUMENT",
      "an array of texts is needed, and there is something else in it",
    );
  });
}

/** @throws `core.VAL_ARGUMENT` for what is no array, and for elements as `bigint` */
export function bigintArray(values: readonly (string | number | bigint | null)[]): CastParameter {
  return array("bigint[]", values, bigintText);
}

/**
 * @throws `core.VAL_ARGUMENT` for what is no array, and for elements as `json`
 * @throws `core.VAL_TEXT_ENCODING` for a NUL character or an unpaired surrogate in an element
 */
export function jsonArray(values: readonly unknown[]): CastParameter {
  const texts = listOf(values).map(jsonText);
  return array("jsonb[]", texts, (text) => {
    // JSON has no control characters, so that this escapes quotes and backslashes alone, as arrays want it, and fast.
    if (!hasUnstorableEscape(text)) return JSON.stringify(text);
    throw coreError(
      "VAL_TEXT_ENCODING",
      "an element contains a NUL character or an unpaired surrogate",
    );
  });
}

/** @throws `core.VAL_ARGUMENT` for what is no array, and for elements as `interval` */
export function intervalArray(values: readonly (number | string | null)[]): CastParameter {
  return array("interval[]", values, (value) => quoted(intervalText(value)));
}

/** What `JSON.stringify` makes of a NUL and of an unpaired surrogate; it escapes no other surrogate. */
export function hasUnstorableEscape(text: string): boolean {
  return text.includes("\\u") && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i.test(text);
}

function array<T>(
  type: CastParameter["type"],
  values: readonly (T | null)[],
  element: (value: T) => string,
): CastParameter {
  const elements = listOf(values).map((value) => (value === null ? "NULL" : element(value)));
  return cast(`{${elements.join(",")}}`, type);
}

/** Without the holes that `map` would leave out. */
function listOf<T>(values: readonly T[]): T[] {
  if (!Array.isArray(values)) throw coreError("VAL_ARGUMENT", "an array is needed");
  return Array.from<T>(values);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
