import type { Shape } from "./shape.ts";
import { median, quantile } from "./statistics.ts";

export interface MeasureOptions {
  /** Rounds in which every shape runs once. @defaultValue 7 */
  readonly rounds: number;
  /** Time a shape gets in each round. @defaultValue 400 */
  readonly sliceMs: number;
  /** Operations under way at once, unless a shape has its own number. @defaultValue 1 */
  readonly clients?: number;
}

/** What was seen of one shape. */
export interface Measurement {
  readonly name: string;
  /** Median of the rounds' mean times for one operation. */
  readonly medianUs: number;
  /** Smallest and largest mean of a round. */
  readonly lowUs: number;
  readonly highUs: number;
  /** 99th percentile of single operations over all rounds. */
  readonly p99Us: number;
  readonly operations: number;
  readonly baseline?: string;
  /** Median over the rounds of the ratio to the baseline in the same round. */
  readonly ratio?: number;
  readonly ratioLow?: number;
  readonly ratioHigh?: number;
  readonly ratioMax?: number;
  readonly maxMs?: number;
}

/**
 * Times shapes in alternation: each round runs every shape for a slice, forwards and then backwards, so that what else
 * the machine does falls on a shape and its baseline alike. Ratios are taken within a round.
 */
export async function measure(
  shapes: readonly Shape[],
  { rounds, sliceMs, clients = 1 }: MeasureOptions,
): Promise<Measurement[]> {
  for (const shape of shapes) await timeSlices(shape, sliceMs, clients);
  const seen = new Map(
    shapes.map((shape) => [shape.name, { means: [] as number[], times: [] as number[] }]),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const shape of round % 2 === 0 ? shapes : shapes.toReversed()) {
      const times = await timeSlices(shape, sliceMs, clients);
      const samples = seen.get(shape.name);
      samples?.means.push(times.reduce((sum, time) => sum + time, 0) / times.length);
      samples?.times.push(...times);
    }
  }
  return shapes.map((shape) => summarize(shape, seen));
}

async function timeSlices(shape: Shape, sliceMs: number, clients: number): Promise<number[]> {
  const running = Array.from({ length: shape.clients ?? clients }, () => timeSlice(shape, sliceMs));
  return (await Promise.all(running)).flat();
}

/** Times of single operations in microseconds, for as long as a slice lasts. */
async function timeSlice(shape: Shape, sliceMs: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + sliceMs;
  for (let before = performance.now(); before < end;) {
    await shape.run();
    const after = performance.now();
    times.push((after - before) * 1_000);
    before = after;
  }
  return times;
}

type Samples = ReadonlyMap<string, { readonly means: number[]; readonly times: number[] }>;

function summarize(shape: Shape, seen: Samples): Measurement {
  const { means, times } = samplesOf(seen, shape.name);
  const measured = {
    name: shape.name,
    medianUs: median(means),
    lowUs: Math.min(...means),
    highUs: Math.max(...means),
    p99Us: quantile(times, 0.99),
    operations: times.length,
    ...(shape.maxMs === undefined ? {} : { maxMs: shape.maxMs }),
  };
  if (shape.baseline === undefined) return measured;
  const baseline = samplesOf(seen, shape.baseline).means;
  const ratios = means.map((mean, round) => mean / (baseline[round] ?? Number.NaN));
  return {
    ...measured,
    baseline: shape.baseline,
    ratio: median(ratios),
    ratioLow: Math.min(...ratios),
    ratioHigh: Math.max(...ratios),
    ...(shape.ratioMax === undefined ? {} : { ratioMax: shape.ratioMax }),
  };
}

function samplesOf(
  seen: Samples,
  name: string,
): { readonly means: number[]; readonly times: number[] } {
  const samples = seen.get(name);
  if (samples === undefined) throw new Error(`no shape is called ${name}`);
  return samples;
}
