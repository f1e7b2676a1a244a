import fc from "fast-check";

import { everFires, type Field, type Fields } from "./cron-oracle.ts";

interface Range {
  readonly min: number;
  readonly max: number;
}

interface Part extends Range {
  /** How many values a step may pass over. */
  readonly size: number;
  /** By value. */
  readonly names?: readonly string[];
}

const parts = {
  minute: { min: 0, max: 59, size: 60 },
  hour: { min: 0, max: 23, size: 24 },
  day: { min: 1, max: 31, size: 31 },
  month: {
    min: 1,
    max: 12,
    size: 12,
    names: " jan feb mar apr may jun jul aug sep oct nov dec".split(" "),
  },
  weekday: { min: 0, max: 7, size: 7, names: "sun mon tue wed thu fri sat sun".split(" ") },
} satisfies Record<string, Part>;

/** Any expression that fires at some time, as likely rare as frequent. */
export const anyExpression: fc.Arbitrary<Fields> = fc
  .tuple(
    field(parts.minute),
    field(parts.hour),
    starOr(field(parts.day)),
    starOr(field(parts.month)),
    starOr(field(parts.weekday)),
  )
  .filter(everFires);

const night: Range = { min: 0, max: 4 };

/** An expression that fires on most days, and most likely at night, when clocks are set. */
export const nightlyExpression: fc.Arbitrary<Fields> = fc
  .tuple(
    fc.oneof(starOr(field(parts.minute)), named(parts.minute)),
    fc.oneof(starOr(field(parts.hour, night)), named(parts.hour, night)),
    starOr(field(parts.day), 8),
    starOr(field(parts.month), 8),
    starOr(field(parts.weekday), 5),
  )
  .filter(everFires);

/** `stars` times as often the whole as one of its fields. */
function starOr(some: fc.Arbitrary<Field>, stars = 1): fc.Arbitrary<Field> {
  const star = some.map((): Field => ({ text: "*", values: everyValue }));
  return fc.oneof({ weight: stars, arbitrary: star }, { weight: 2, arbitrary: some });
}

const everyValue: ReadonlySet<number> = new Set(valuesOf({ min: 0, max: 59 }, 1));

/** Without `*` and step. */
function named(part: Part, likely: Range = part): fc.Arbitrary<Field> {
  return field(part, likely).filter(({ text }) => !/[*/]/.test(text));
}

function field(part: Part, likely: Range = part): fc.Arbitrary<Field> {
  const items = fc.array(itemOf(part, likely), { minLength: 1, maxLength: 3 });
  return items.map((all) => ({
    text: all.map(({ text }) => text).join(","),
    values: new Set(all.flatMap(({ values }) => [...values])),
  }));
}

function itemOf(part: Part, likely: Range): fc.Arbitrary<Field> {
  const value = fc.integer({ min: likely.min, max: likely.max });
  return fc
    .record({
      shape: fc.constantFrom("n", "n", "n", "a-b", "a-b/s", "*/s", "n/s"),
      ends: fc.tuple(value, value),
      step: fc.integer({ min: 1, max: part.size }),
      spell: fc.constantFrom(digits, digits, lowerCase, upperCase),
    })
    .map(({ shape, ends, step, spell }) => {
      const [min, max] = [Math.min(...ends), Math.max(...ends)];
      // The name of Sunday is 7 where a range ends that began on another day, else 0.
      const first = min === 7 ? "7" : spell(part, min);
      const last = (min === 0 && max === 7) || max === 0 ? String(max) : spell(part, max);
      switch (shape) {
        case "a-b":
          return { text: `${first}-${last}`, values: set({ min, max }, 1) };
        case "a-b/s":
          return {
            text: `${first}-${last}/${step}`,
            values: set({ min, max }, step),
          };
        case "*/s":
          return { text: `*/${step}`, values: set(part, step) };
        case "n/s":
          return {
            text: `${first}/${step}`,
            values: set({ min, max: part.max }, step),
          };
        default:
          return { text: first, values: set({ min, max: min }, 1) };
      }
    });
}

function digits(_part: Part, value: number): string {
  return String(value);
}

function lowerCase({ names }: Part, value: number): string {
  return names?.[value] ?? String(value);
}

function upperCase(part: Part, value: number): string {
  return lowerCase(part, value).toUpperCase();
}

function set(range: Range, step: number): ReadonlySet<number> {
  return new Set(valuesOf(range, step));
}

function valuesOf({ min, max }: Range, step: number): number[] {
  return Array.from(
    { length: Math.floor((max - min) / step) + 1 },
    (_, index) => min + index * step,
  );
}
