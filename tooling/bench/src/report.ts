import type { Measurement } from "./measure.ts";
import { table } from "./table.ts";

/** The measurements as a table for people. */
export function report(measurements: readonly Measurement[]): string {
  const rows = measurements.map((one) => [
    one.name,
    microseconds(one.medianUs),
    `${microseconds(one.lowUs)} - ${microseconds(one.highUs)}`,
    microseconds(one.p99Us),
    String(one.operations),
    one.ratio === undefined
      ? "baseline"
      : `${ratio(one.ratio)} (${ratio(one.ratioLow)} - ${ratio(one.ratioHigh)})`,
    verdict(one),
  ]);
  return table([
    ["shape", "median us", "low - high us", "p99 us", "n", "x baseline", "target"],
    ...rows,
  ]);
}

function verdict({ ratio: reached, ratioMax, medianUs, maxMs }: Measurement): string {
  if (maxMs !== undefined)
    return `${medianUs <= maxMs * 1_000 ? "met" : "MISSED"}, at most ${maxMs} ms`;
  if (reached === undefined || ratioMax === undefined) return "";
  return `${reached <= ratioMax ? "met" : "MISSED"}, at most ${ratioMax}`;
}

function microseconds(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

function ratio(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(2);
}
