import { bigint, int, interval, textArray, timestamp, type CastParameter } from "@postkit/core";
import { argumentError, queueError } from "./errors.ts";

/** An optional argument, as it is sent: left out, it is left to its default. */
type Optional<T> = T | undefined;

/** @throws `core.VAL_ARGUMENT` for what is no text, also where it would go into JSON */
export function text(value: string | null | undefined, name: string): Optional<string> {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw argumentError(`${name} must be a text`);
  return value;
}

export function flag(value: boolean | undefined, name: string): Optional<boolean> {
  if (value === undefined) return undefined;
  if (typeof value !== "boolean") throw argumentError(`${name} must be true or false`);
  return value;
}

export function whole(value: number | undefined): Optional<CastParameter> {
  return value === undefined ? undefined : int(value);
}

/** Milliseconds or ISO 8601. */
export function duration(value: number | string | null | undefined): Optional<CastParameter> {
  return value === undefined || value === null ? undefined : interval(value);
}

export function time(value: Date | null | undefined, name: string): Optional<CastParameter> {
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof Date)) throw argumentError(`${name} must be a Date`);
  return timestamp(value);
}

/** An id; none is refused by the database where there must be one. */
export function id(value: string | null | undefined, name: string, of: string): CastParameter {
  try {
    return bigint(value ?? null);
  } catch {
    throw argumentError(`${name} must be the id of ${of} as text`);
  }
}

export function texts(values: readonly string[] | undefined): Optional<CastParameter> {
  return values === undefined ? undefined : textArray(values);
}

/** The same as an element of JSON. */
export function textList(
  values: readonly string[] | undefined,
  name: string,
): Optional<readonly string[]> {
  if (values === undefined) return undefined;
  if (!Array.isArray(values) || !values.every((value) => typeof value === "string")) {
    throw argumentError(`${name} must be an array of texts`);
  }
  return values;
}

/** What goes for all queues is asked for by leaving the queue out, not by a variable that happened to be empty. */
export function narrowed<T extends { readonly queue?: unknown }>(options: T): T {
  if ("queue" in options && (options.queue === undefined || options.queue === null)) {
    throw queueError("VAL_QUEUE_NULL", "queue is there without a value: leave it out for all");
  }
  return options;
}
