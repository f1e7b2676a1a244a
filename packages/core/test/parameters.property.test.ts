import { interval, json, textArray, timestamp, type CastParameter } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const storable = fc
  .string({ unit: "binary" })
  .filter((text) => !text.includes("\0") && text.isWellFormed());
const awkward = fc.constantFrom(
  "",
  "NULL",
  "null",
  "{}",
  "{a,b}",
  '"',
  "\\",
  '\\"',
  ",",
  " ",
  "\n",
  "'",
  "$1",
  "ä€𝄞",
);

/** What the server makes of a parameter, through the cast that the statement builder writes. */
async function onServer<T>({ text, type }: CastParameter, expression = "$1"): Promise<T> {
  const cast = `$1::text::${type}`;
  const { rows } = await db.app.query<{ result: T }>(
    `select ${expression.replace("$1", cast)} as result`,
    [text],
  );
  return rows[0]?.result as T;
}

describe("values that pass through the server come back the same", () => {
  it("arrays of text, with nulls and everything that arrays quote", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(awkward, storable, fc.constant(null)), { maxLength: 8 }),
        async (values) => {
          expect(await onServer(textArray(values))).toEqual(values);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("JSON, with odd keys and values", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.oneof(awkward, storable),
          fc.oneof(awkward, storable, fc.integer(), fc.boolean(), fc.constant(null)),
        ),
        async (value) => {
          expect(await onServer(json(value))).toEqual({ ...value });
        },
      ),
      { numRuns: 200 },
    );
    expect(await onServer(json(undefined))).toBeNull();
    expect(await onServer(json(null))).toBeNull();
    expect(await onServer(json("text"))).toBe("text");
  });

  it("points in time, to the millisecond, in every year that both sides know", async () => {
    // Where PostgreSQL's calendar begins; JavaScript's ends before PostgreSQL's does.
    const min = new Date("-004712-01-01T00:00:00Z");
    const dates = fc.oneof(
      fc.date({ min, noInvalidDate: true }),
      fc.constantFrom(
        new Date(8.64e15),
        min,
        new Date("0000-12-31T23:59:59.999Z"),
        new Date("0001-01-01T00:00:00Z"),
        new Date("+010000-01-01T00:00:00Z"),
      ),
    );
    await fc.assert(
      fc.asyncProperty(dates, async (date) => {
        const ms = await onServer<string>(
          timestamp(date),
          "(extract(epoch from $1) * 1000)::numeric(30)",
        );
        expect(Number(ms)).toBe(date.getTime());
      }),
      { numRuns: 200 },
    );
    expect(await onServer(timestamp(null))).toBeNull();
  });

  it("durations in milliseconds", async () => {
    const durations = fc.oneof(
      fc.integer({ min: -(10 ** 9), max: 10 ** 9 }),
      fc.integer({ min: -(10 ** 14), max: 10 ** 14 }),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(0, -0, 1e-7, 0.001, 1e21 / 1e9),
    );
    await fc.assert(
      fc.asyncProperty(durations, async (ms) => {
        const back = await onServer<string>(interval(ms), "extract(epoch from $1) * 1000");
        // An interval has microseconds.
        expect(Math.abs(Number(back) - ms)).toBeLessThanOrEqual(0.001);
      }),
      { numRuns: 200 },
    );
  });

  it.each(["P7D", "PT1H30M", "7 days", "1 mon -2 days"])(
    "the duration '%s' as PostgreSQL reads it",
    async (text) => {
      const { rows } = await db.app.query("select $1::text = $2::interval::text as same", [
        await onServer(interval(text), "$1::text"),
        text,
      ]);
      expect(rows).toEqual([{ same: true }]);
    },
  );
});

describe("values that cannot be sent", () => {
  it("an invalid Date and a duration that is no number are refused here", () => {
    expect(() => timestamp(new Date(Number.NaN))).toThrow(
      expect.objectContaining({ code: "VAL_ARGUMENT" }),
    );
    for (const ms of [Number.NaN, Infinity, -Infinity]) {
      expect(() => interval(ms)).toThrow(expect.objectContaining({ code: "VAL_ARGUMENT" }));
    }
  });
});
