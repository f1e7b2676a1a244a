import { z } from "zod";
import { durationOf, durationText, isAmounts, parseDuration } from "./duration.ts";

/**
 * Schemas for the columns that drivers and applications decode in their own ways: pg gives text for `bigint` unless
 * the application changed its parsers, other libraries give numbers, bigints, or dates as text.
 */
export const columns = {
  /** A `bigint` as a string. */
  bigint: z.union([z.string(), z.bigint(), z.number()]).transform(String),
  /** A `numeric` as a string; one that the application has pg parse into a number may have lost digits on the way. */
  numeric: z.union([z.string(), z.bigint(), z.number()]).transform(String),
  /** A `timestamptz` as a Date; infinity, which pg gives as a number, as the last Date there is. */
  timestamptz: z
    .union([
      z.date(),
      z.literal([Infinity, -Infinity]).transform(endOfTime),
      z.string().transform(dateOf),
    ])
    .refine((date) => !Number.isNaN(date.getTime())),
  /**
   * An `interval` as ISO 8601, `P1M2DT3H4.5S`, whatever the session's `intervalstyle`: months and days have no fixed
   * number of milliseconds. To be asked for as text: the object that pg makes of it is read too, but pg knows one style
   * alone and makes an empty object of the others, as of no time at all.
   */
  interval: z.unknown().transform((value, context) => {
    const text = intervalOf(value);
    if (text !== undefined) return text;
    context.addIssue("an interval is needed");
    return z.NEVER;
  }),
} as const;

function intervalOf(value: unknown): string | undefined {
  const duration = typeof value === "string" ? parseDuration(value) : objectDuration(value);
  return duration === undefined ? undefined : durationText(duration);
}

function objectDuration(value: unknown) {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value) || value instanceof Date || !isAmounts(value)) return undefined;
  return durationOf(value);
}

const postgresForm =
  /^(\d{4,})(-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

/**
 * Reads PostgreSQL's ISO form, `2026-11-22 02:40:36.725+00`, as well as JavaScript's. Old zones have seconds, and years
 * before 1 and after 9999 are written in another way.
 */
function dateOf(text: string): Date {
  if (text === "infinity" || text === "-infinity") return endOfTime(Number(text.replace("i", "I")));
  const match = postgresForm.exec(text);
  if (match === null) return new Date(text);
  const [, year, day, time, sign, hours = "0", minutes = "0", seconds = "0", bc] = match;
  const local = new Date(
    `${isoYear(bc === undefined ? Number(year) : 1 - Number(year))}${day}T${time}Z`,
  );
  const offsetMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return new Date(local.getTime() - (sign === "-" ? -offsetMs : offsetMs));
}

function endOfTime(infinity: number): Date {
  return new Date(Math.sign(infinity) * 8.64e15);
}

function isoYear(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, "0");
  return `${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}`;
}
