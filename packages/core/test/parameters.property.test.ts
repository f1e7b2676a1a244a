import {
  bigint,
  bigintArray,
  date,
  int,
  interval,
  intervalArray,
  json,
  jsonArray,
  textArray,
  timestamp,
  type CastParameter,
} from "@postkit/core";
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

  it("arrays of JSON, with everything that arrays and JSON quote", async () => {
    const document = fc.oneof(
      awkward,
      storable,
      fc.constant(null),
      fc.integer(),
      fc.array(fc.oneof(awkward, storable), { maxLength: 3 }),
      fc.dictionary(storable, awkward),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(document, { maxLength: 6 }), async (values) => {
        expect(await onServer(jsonArray(values), "to_jsonb($1)")).toEqual(
          JSON.parse(JSON.stringify(values)),
        );
      }),
      { numRuns: 200 },
    );
    expect(
      await onServer(jsonArray([undefined, null, "NULL"]), "array_positions($1, null)"),
    ).toEqual([1]);
  });

  it("whole numbers of 64 bits, alone and in arrays", async () => {
    const wholes = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    await fc.assert(
      fc.asyncProperty(fc.array(wholes, { maxLength: 6 }), async (values) => {
        const texts = values.map(String);
        expect(await onServer(bigintArray(values))).toEqual(texts);
        expect(await onServer(bigintArray(texts))).toEqual(texts);
        for (const value of values) expect(await onServer(bigint(value))).toBe(String(value));
      }),
      { numRuns: 100 },
    );
    expect(await onServer(bigint(-42))).toBe("-42");
    expect(await onServer(bigintArray([2 ** 53 - 1, null]))).toEqual(["9007199254740991", null]);
    expect(await onServer(bigint(null))).toBeNull();
  });

  it("arrays of durations, in milliseconds and in text", async () => {
    expect(await onServer(intervalArray([1500, "P1DT2H", null, 0]), "$1::text[]")).toEqual([
      "00:00:01.5",
      "1 day 02:00:00",
      null,
      "00:00:00",
    ]);
    expect(await onServer(intervalArray([]))).toEqual([]);
  });

  it("days, from the first to the last", async () => {
    for (const day of ["0001-01-01", "2024-02-29", "9999-12-31"]) {
      expect(await onServer(date(day), "to_char($1, 'YYYY-MM-DD')")).toBe(day);
    }
    expect(await onServer(date(null))).toBeNull();
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

const badArgument = expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" }) as Error;

describe("values that cannot be sent", () => {
  it("an invalid Date and a duration that is no number are refused here", () => {
    expect(() => timestamp(new Date(Number.NaN))).toThrow(badArgument);
    for (const ms of [Number.NaN, Infinity, -Infinity, 1e300, -1e17]) {
      expect(() => interval(ms)).toThrow(badArgument);
      expect(() => intervalArray([0, ms])).toThrow(badArgument);
    }
    for (const text of ["P178956971Y", "P2147483648D", "PT2147483648H", "2147483648:00:00"]) {
      expect(() => interval(text)).toThrow(badArgument);
    }
    expect(() => interval(undefined as never)).toThrow(badArgument);
    expect(() => interval({} as never)).toThrow(badArgument);
  });

  it("the longest duration that is not refused is one that the server takes", async () => {
    const longest = 2 ** 31 * 3_600_000 - 1_000;
    for (const ms of [longest, -longest]) {
      expect(Number(await onServer(interval(ms), "extract(epoch from $1)"))).toBe(ms / 1000);
    }
    expect(await onServer(interval("P178956970Y7M2147483647DT2147483647H"), "$1 is null")).toBe(
      false,
    );
  });

  const circle: unknown[] = [];
  circle.push(circle);
  it.each<[string, unknown]>([
    ["a function", () => {}],
    ["a symbol", Symbol("a")],
    ["a bigint", 1n],
    ["a bigint deep in it", { a: [1n] }],
    ["an object that contains itself", circle],
    [
      "an object that throws when asked",
      {
        toJSON() {
          throw new Error("no");
        },
      },
    ],
    ["an object that says it is nothing", { toJSON: () => undefined }],
  ])("%s has no JSON, and that is said in one line", (_, value) => {
    for (const make of [() => json(value), () => jsonArray([{}, value])]) {
      expect(make).toThrow(badArgument);
      expect(make).toThrow(/^there is no JSON for a [^\n]*$/);
    }
  });

  it.each(["\0", "\ud800", "a\\\0", { "\0": 1 }, ["\udfff"]])(
    "text that no database holds is found in an array of JSON: %j",
    (value) => {
      expect(() => jsonArray([{}, value])).toThrow(
        expect.objectContaining({ module: "core", code: "VAL_TEXT_ENCODING" }) as Error,
      );
    },
  );

  it.each([
    "",
    " 1",
    "1.0",
    "1e3",
    "0x10",
    "+1",
    "one",
    "9223372036854775808",
    "-9223372036854775809",
    2n ** 63n,
    -(2n ** 63n) - 1n,
    2 ** 53,
    1.5,
    Number.NaN,
    Infinity,
    true,
    [],
    ["1"],
    {},
    undefined,
    Symbol("a"),
  ])("%s is no whole number of 64 bits", (value) => {
    expect(() => bigint(value as never)).toThrow(badArgument);
    expect(() => bigintArray(["1", value as never])).toThrow(badArgument);
  });

  it.each([1.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN, "1", 1n, null, Symbol("a"), {}])(
    "%o is no whole number of 32 bits",
    (value) => {
      expect(() => int(value as never)).toThrow(badArgument);
    },
  );

  it.each([
    "",
    "today",
    "2026-02-30",
    "2026-1-1",
    "0000-01-01",
    "2026-01-01T00:00:00Z",
    5,
    new Date(),
    undefined,
  ])("%s is no day", (value) => {
    expect(() => date(value as never)).toThrow(badArgument);
  });

  it.each([null, undefined, "1", 1, {}, new Set([1])])("%s is no array", (value) => {
    for (const make of [textArray, bigintArray, jsonArray, intervalArray]) {
      expect(() => make(value as never)).toThrow(badArgument);
    }
  });

  it("an array with a hole has something else in it", () => {
    // oxlint-disable-next-line no-sparse-arrays
    const holes = [, "1"] as string[];
    for (const make of [textArray, bigintArray, intervalArray]) {
      expect(() => make(holes)).toThrow(badArgument);
    }
  });
});
