import { InvalidArgumentError } from "commander";

const unitMs: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1_000, m: 60_000 };

/** Milliseconds from `1500`, `1500ms`, `30s` or `2m`. */
export function parseDurationMs(text: string): number {
  const [, amount, unit = ""] = /^(\d{1,9})(ms|s|m)?$/.exec(text) ?? [];
  const factor = unitMs[unit];
  if (amount === undefined || factor === undefined) {
    throw new InvalidArgumentError("Give milliseconds, or a number with ms, s or m: 30s.");
  }
  return Number(amount) * factor;
}

/** A positive whole number, or `all`. */
export function parseCount(text: string): number {
  if (text === "all") return Infinity;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a positive whole number, or all.");
}

/** A major version of PostgreSQL; the embedded server knows which of them it can run. */
export function parseMajorVersion(text: string): number {
  if (/^\d{2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a major version of PostgreSQL: 18.");
}
