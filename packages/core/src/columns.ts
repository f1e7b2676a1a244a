import { z } from "zod";

/**
 * Schemas for the columns that drivers and applications decode in their own ways: pg gives text for `bigint` unless
 * the application changed its parsers, other libraries give numbers, bigints, or dates as text.
 */
export const columns = {
  /** A `bigint` as a string. */
  bigint: z.union([z.string(), z.bigint(), z.number()]).transform(String),
  /** A `numeric` as a string; one that the application has pg parse into a number may have lost digits on the way. */
  numeric: z.union([z.string(), z.bigint(), z.number()]).transform(String),
  /** A `timestamptz` as a Date. */
  timestamptz: z
    .union([z.date(), z.string().transform(dateOf)])
    .refine((date) => !Number.isNaN(date.getTime())),
} as const;

/** Reads PostgreSQL's ISO form, `2026-11-22 02:40:36.725+00`, as well as JavaScript's. */
function dateOf(text: string): Date {
  return new Date(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
}
