import { columns, timestamp } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

/** With fractions of hours, and with seconds in the years before time zones. */
const zones = ["UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Amsterdam"];

/** In some zone the clock of the very last day is beyond JavaScript's calendar. */
const lastDate = new Date(8.64e15 - 86_400_000);

describe("a timestamptz", () => {
  it("is the same Date from a driver that parses it and from one that gives PostgreSQL's text", async () => {
    const dates = fc.oneof(
      fc.date({
        noInvalidDate: true,
        min: new Date("1800-01-01T00:00:00Z"),
        max: new Date("2200-01-01T00:00:00Z"),
      }),
      fc.date({ noInvalidDate: true, min: new Date("-004700-01-01T00:00:00Z"), max: lastDate }),
    );
    await fc.assert(
      fc.asyncProperty(dates, fc.constantFrom(...zones), async (date, zone) => {
        const { rows } = await db.app.query<{ text: string }>(
          "select set_config('timezone', $2, true), $1::text::timestamptz::text as text",
          [timestamp(date).text, zone],
        );
        expect(columns.timestamptz.parse(rows[0]?.text).getTime()).toBe(date.getTime());
      }),
      { numRuns: 300 },
    );
    const now = new Date();
    expect(columns.timestamptz.parse(now)).toEqual(now);
    expect(columns.timestamptz.parse(now.toISOString())).toEqual(now);
  });

  it.each(["", "yesterday", "2026-13-01 00:00:00+00", new Date(Number.NaN), 0, null, undefined])(
    "is not %s",
    (value) => {
      expect(columns.timestamptz.safeParse(value).success).toBe(false);
    },
  );
});

describe("a bigint and a numeric", () => {
  it("are text, however the driver gives them", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        for (const column of [columns.bigint, columns.numeric]) {
          expect(column.parse(value)).toBe(value.toString());
          expect(column.parse(value.toString())).toBe(value.toString());
        }
      }),
    );
    expect(columns.bigint.parse(42)).toBe("42");
  });

  it.each([null, undefined, true, {}, Number.NaN])("are not %s", (value) => {
    expect(columns.bigint.safeParse(value).success).toBe(false);
    expect(columns.numeric.safeParse(value).success).toBe(false);
  });
});
