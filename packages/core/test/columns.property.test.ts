import { columns, interval, timestamp } from "@postkit/core";
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

const styles = ["postgres", "postgres_verbose", "sql_standard", "iso_8601"];

/** Of each field its own sign, as PostgreSQL keeps them; in seconds what a number holds exactly. */
const intervals = fc.record({
  months: fc.oneof(fc.constant(0), fc.integer({ min: -12_000, max: 12_000 })),
  days: fc.oneof(fc.constant(0), fc.integer({ min: -400_000, max: 400_000 })),
  microseconds: fc.oneof(fc.constant(0), fc.integer({ min: -(10 ** 15), max: 10 ** 15 })),
});

describe("an interval", () => {
  it("is the same ISO 8601 text from every style of interval that a session may have", async () => {
    await fc.assert(
      fc.asyncProperty(
        intervals,
        fc.constantFrom(...styles),
        async ({ months, days, microseconds }, style) => {
          const { rows } = await db.app.query<{ text: string }>(
            `with i as (
               select make_interval(months => $2, days => $3) + $4 * interval '1 microsecond' as value
               where set_config('intervalstyle', $1, true) is not null
             )
             select i.value::text as text from i`,
            [style, months, days, microseconds],
          );
          const iso = columns.interval.parse(rows[0]?.text);
          const { rows: back } = await db.app.query<{ months: number; days: number; us: string }>(
            `select (extract(year from i.value) * 12 + extract(month from i.value))::int as months,
               extract(day from i.value)::int as days,
               (extract(epoch from i.value - make_interval(months => $2, days => $3)) * 1000000)::numeric(30) as us
             from (select $1::text::interval as value) i`,
            [iso, months, days],
          );
          expect({ iso, ...back[0] }).toEqual({ iso, months, days, us: String(microseconds) });
          expect(columns.interval.parse(iso)).toBe(iso);
          expect(interval(iso).text).toBe(iso);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is the same from the object that pg makes of PostgreSQL's own style", async () => {
    await fc.assert(
      fc.asyncProperty(intervals, async ({ months, days, microseconds }) => {
        const { rows } = await db.app.query<{ text: string; parsed: object }>(
          `select i.value as parsed, i.value::text as text
           from (select make_interval(months => $1, days => $2) + $3 * interval '1 microsecond' as value) i`,
          [months, days, microseconds],
        );
        expect(columns.interval.parse(rows[0]?.parsed)).toBe(columns.interval.parse(rows[0]?.text));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["P1Y2M3W4DT5H6M7.5S", "P1Y2M25DT5H6M7.5S"],
    ["P1.5D", "P1DT12H"],
    ["P0.5Y", "P6M"],
    ["PT36H", "PT36H"],
    ["PT90S", "PT1M30S"],
    ["-P1DT2H", "P-1DT-2H"],
    ["P-1DT2H", "P-1DT2H"],
    ["P0D", "PT0S"],
    ["00:00:00", "PT0S"],
    ["0", "PT0S"],
    ["@ 0", "PT0S"],
    ["1 year 2 mons -3 days +04:05:06.5", "P1Y2M-3DT4H5M6.5S"],
    ["@ 1 day 2 hours ago", "P-1DT-2H"],
    ["-1-2", "P-1Y-2M"],
    ["-3 4:05:06", "P-3DT-4H-5M-6S"],
    ["+1-2 -3 +4:05:06", "P1Y2M-3DT4H5M6S"],
    ["7 days", "P7D"],
    ["2147483648:00:00", "PT2147483648H"],
    ["2 weeks 250 milliseconds", "P14DT0.25S"],
  ])("that is written '%s' is '%s'", (text, iso) => {
    expect(columns.interval.parse(text)).toBe(iso);
  });

  it.each([
    "",
    " ",
    "P",
    "PT",
    "P1",
    "P1DT",
    "P1H",
    "PT1D",
    "P0.3Y",
    "P0.5M",
    "P1e3D",
    "7",
    "@",
    "@ ",
    " ago",
    "1 day ",
    "1 day1 day",
    "1 fortnight",
    "1 day 1",
    "1:2:3",
    "1 2",
    "infinity",
    "1 day; select 1",
  ])("is not '%s', and no parameter either", (text) => {
    expect(columns.interval.safeParse(text).success).toBe(false);
    expect(() => interval(text)).toThrow(expect.objectContaining({ code: "VAL_ARGUMENT" }));
  });

  it.each([
    0,
    null,
    undefined,
    [],
    new Date(),
    { days: "1" },
    { days: Number.NaN },
    { decades: 1 },
  ])("is not %s", (value) => {
    expect(columns.interval.safeParse(value).success).toBe(false);
  });
});
