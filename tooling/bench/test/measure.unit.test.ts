import { expect, it } from "vitest";

import { measure } from "../src/measure.ts";
import { report } from "../src/report.ts";
import type { Shape } from "../src/shape.ts";
import { median, quantile } from "../src/statistics.ts";

/** Keeps the processor busy, since a timer cannot wait for so short a time. */
function busy(name: string, us: number, more: Partial<Shape> = {}): Shape {
  const run = async () => {
    const end = performance.now() + us / 1_000;
    while (performance.now() < end);
  };
  return { name, run, ...more };
}

it("takes medians and quantiles between neighbours", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
});

it("tells a shape that does four times the work from its baseline", async () => {
  const shapes = [busy("base", 100), busy("more", 400, { baseline: "base", ratioMax: 8 })];
  const [base, more] = await measure(shapes, { rounds: 3, sliceMs: 20 });
  expect(base).not.toHaveProperty("ratio");
  expect(base?.operations).toBeGreaterThan(0);
  expect(more?.ratio).toBeGreaterThan(1);
  expect(more?.ratioLow).toBeLessThanOrEqual(more?.ratio ?? 0);
  expect(more?.ratioHigh).toBeGreaterThanOrEqual(more?.ratio ?? Infinity);
});

it("says which targets were missed", () => {
  const one = { medianUs: 10, lowUs: 9, highUs: 11, p99Us: 20, operations: 5 };
  const ratios = { baseline: "base", ratioLow: 1.9, ratioHigh: 2.1, ratio: 2 };
  const text = report([
    { name: "base", ...one },
    { name: "met", ...one, ...ratios, ratioMax: 2 },
    { name: "over", ...one, ...ratios, ratioMax: 1.9 },
  ]);
  expect(text).toMatch(/^met .* met, at most 2$/m);
  expect(text).toMatch(/^over .* MISSED, at most 1\.9$/m);
});

it("refuses a baseline that no shape has", async () => {
  await expect(
    measure([busy("lonely", 1, { baseline: "nobody" })], { rounds: 1, sliceMs: 1 }),
  ).rejects.toThrow("nobody");
});
