import type { TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createCronDatabase, refusalOf } from "./support/cron.ts";

let db: TestDatabase;

beforeAll(async () => {
  db = await createCronDatabase();
});

afterAll(() => db.drop());

describe("a cron expression fires", () => {
  // Wednesday.
  const base = "2025-01-01T00:00:00Z";

  it.each([
    ["each minute", "* * * * *", ["2025-01-01T00:01Z", "2025-01-01T00:02Z"]],
    ["at a minute of each hour", "15 * * * *", ["2025-01-01T00:15Z", "2025-01-01T01:15Z"]],
    ["at a step", "*/25 * * * *", ["01-01T00:25Z", "01-01T00:50Z", "01-01T01:00Z"]],
    ["at a step from a value on", "5/25 * * * *", ["01-01T00:05Z", "01-01T00:30Z", "01-01T00:55Z"]],
    ["at a step in a range", "10-40/15 * * * *", ["01-01T00:10Z", "01-01T00:25Z", "01-01T00:40Z"]],
    ["in a range", "0 22-23 * * *", ["01-01T22:00Z", "01-01T23:00Z", "01-02T22:00Z"]],
    ["at all of a list", "5,50/5,1-2 3 * * *", ["01-01T03:01Z", "01-01T03:02Z", "01-01T03:05Z"]],
    ["once at what a list names twice", "0,0-1,*/30 * * * *", ["01-01T00:01Z", "01-01T00:30Z"]],
    ["on a day of the month", "0 0 31 * *", ["01-31T00:00Z", "03-31T00:00Z", "05-31T00:00Z"]],
    [
      "on days that February lacks",
      "0 0 1,30 * *",
      ["01-30T00:00Z", "02-01T00:00Z", "03-01T00:00Z"],
    ],
    [
      "in months by name",
      "0 0 1 feb,APR-jun/2 *",
      ["02-01T00:00Z", "04-01T00:00Z", "06-01T00:00Z"],
    ],
    ["on weekdays by name", "0 0 * * Mon-WED", ["01-06T00:00Z", "01-07T00:00Z", "01-08T00:00Z"]],
    ["on Sunday as 0", "0 0 * * 0", ["01-05T00:00Z", "01-12T00:00Z"]],
    ["on Sunday as 7", "0 0 * * 7", ["01-05T00:00Z", "01-12T00:00Z"]],
    [
      "from Friday to Sunday",
      "0 0 * * 5-7",
      ["01-03T00:00Z", "01-04T00:00Z", "01-05T00:00Z", "01-10T00:00Z"],
    ],
    [
      "from Friday to Sunday by name",
      "0 0 * * fri-sun",
      ["01-03T00:00Z", "01-04T00:00Z", "01-05T00:00Z", "01-10T00:00Z"],
    ],
    ["from Sunday to Monday", "0 0 * * sun-mon", ["01-05T00:00Z", "01-06T00:00Z", "01-12T00:00Z"]],
    ["on Sunday alone", "0 0 * * sun-sun", ["01-05T00:00Z", "01-12T00:00Z"]],
    [
      "on each second weekday, Sunday first",
      "0 0 * * */2",
      ["01-02T00:00Z", "01-04T00:00Z", "01-05T00:00Z", "01-07T00:00Z"],
    ],
    [
      "on either day when both are restricted",
      "0 0 3 * mon",
      ["01-03T00:00Z", "01-06T00:00Z", "01-13T00:00Z"],
    ],
    [
      "on either day when one is a range of all",
      "0 0 1-31 * mon",
      ["01-02T00:00Z", "01-03T00:00Z"],
    ],
    [
      "on both days when one begins with *",
      "0 0 */2 * mon",
      ["01-13T00:00Z", "01-27T00:00Z", "02-03T00:00Z"],
    ],
    [
      "on both days when the other begins with *",
      "0 0 1 * */2",
      ["02-01T00:00Z", "03-01T00:00Z", "04-01T00:00Z"],
    ],
    [
      "on either day when * comes later in a list",
      "0 0 13,*/31 * fri",
      ["01-03T00:00Z", "01-10T00:00Z", "01-13T00:00Z"],
    ],
    ["in leap years", "0 0 29 2 *", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
    ["on a leap day that is a Sunday", "0 0 29 2 */7", ["2032-02-29T00:00Z", "2060-02-29T00:00Z"]],
    ["@yearly", "@yearly", ["2026-01-01T00:00Z", "2027-01-01T00:00Z"]],
    ["@annually", "@annually", ["2026-01-01T00:00Z", "2027-01-01T00:00Z"]],
    ["@monthly", "@monthly", ["02-01T00:00Z", "03-01T00:00Z"]],
    ["@weekly", "@weekly", ["01-05T00:00Z", "01-12T00:00Z"]],
    ["@daily", "@daily", ["01-02T00:00Z", "01-03T00:00Z"]],
    ["@midnight", "@Midnight", ["01-02T00:00Z", "01-03T00:00Z"]],
    ["@hourly", " @HOURLY ", ["01-01T01:00Z", "01-01T02:00Z"]],
    ["whatever the blanks around its fields", "  5\t6  7 8   * ", ["08-07T06:05Z"]],
    ["whatever the zeros in front of its numbers", "05 06 * 08 01", ["08-04T06:05Z"]],
  ])("%s: %s", async (_, cron, expected) => {
    expect(await runs({ cron, base, count: expected.length })).toEqual(expected.map(inFull));
  });

  it.each([
    ["in the middle of a minute", "2025-01-01T00:00:30Z", "2025-01-01T00:01Z"],
    ["at the last moment of a minute", "2025-01-01T00:00:59.999999Z", "2025-01-01T00:01Z"],
    ["at a minute that it selects", "2025-01-01T00:01:00Z", "2025-01-01T00:02Z"],
    ["a moment before", "2025-01-01T00:00:59.999Z", "2025-01-01T00:01Z"],
    ["at the end of a year", "2024-12-31T23:59:00Z", "2025-01-01T00:00Z"],
    ["in the first year", "0001-01-02T00:00:00Z", "0001-01-02T00:01Z"],
    ["in the last year", "9999-12-31T00:00:00Z", "9999-12-31T00:01Z"],
  ])("strictly after a base %s", async (_, at, expected) => {
    expect(await runs({ cron: "* * * * *", base: at, count: 1 })).toEqual([expected]);
  });

  it("eight years later where a century has no leap year", async () => {
    const leap = { cron: "0 0 29 2 *", base: "2096-02-29T00:00Z", count: 1 };
    expect(await runs(leap)).toEqual(["2104-02-29T00:00Z"]);
  });

  it.each([
    ["of null", null],
    ["of infinity", "infinity"],
    ["of -infinity", "-infinity"],
    ["before the first year", "0044-03-15 00:00+00 BC"],
    ["after the last", "10000-01-01 00:00+00"],
  ])("never after a base %s", async (_, at) => {
    expect(await runs({ cron: "* * * * *", base: at, count: 1 })).toEqual([null]);
    expect(await runs({ cron: "0 0 1 1 1", base: at, count: 1 })).toEqual([null]);
  });

  it.each(["0 0 31 2 *", "* * 31 feb,apr,jun,sep,nov *", "0 0 30 2 */2"])(
    "never when no month has such a day: %s",
    async (cron) => {
      expect(await runs({ cron, base, count: 1 })).toEqual([null]);
    },
  );

  it("at the same instants whatever the zone of the session", async () => {
    const asked = `select queue._cron_next_run(c, 'IST', '2025-03-30 00:30:00.5+00') at time zone 'UTC' as run
      from unnest(array['0 3 * * *', '*/5 * * * *']) c`;
    const client = await db.app.connect();
    const answers = [];
    for (const zone of ["UTC", "Asia/Kolkata", "America/New_York"]) {
      await client.query("select set_config('timezone', $1, false)", [zone]);
      answers.push((await client.query(asked)).rows);
    }
    client.release(true);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });
});

describe("where clocks are set forward", () => {
  it.each([
    // 02:00 to 03:00, at 07:00Z.
    ["America/New_York", "30 2 * * *", "2025-03-09T05:00Z", ["03-09T07:00Z", "03-10T06:30Z"]],
    ["America/New_York", "0,30 2 * * *", "2025-03-09T05:00Z", ["03-09T07:00Z", "03-10T06:00Z"]],
    [
      "America/New_York",
      "15 2,3 * * *",
      "2025-03-09T05:00Z",
      ["03-09T07:00Z", "03-09T07:15Z", "03-10T06:15Z"],
    ],
    ["America/New_York", "0 2-3 * * *", "2025-03-09T05:00Z", ["03-09T07:00Z", "03-10T06:00Z"]],
    ["America/New_York", "30 2 9 3 *", "2025-03-09T05:00Z", ["03-09T07:00Z", "2026-03-09T06:30Z"]],
    [
      "America/New_York",
      "*/30 * * * *",
      "2025-03-09T06:00Z",
      ["03-09T06:30Z", "03-09T07:00Z", "03-09T07:30Z"],
    ],
    [
      "America/New_York",
      "30 * * * *",
      "2025-03-09T06:00Z",
      ["03-09T06:30Z", "03-09T07:30Z", "03-09T08:30Z"],
    ],
    ["America/New_York", "*/30 2 * * *", "2025-03-09T05:00Z", ["03-10T06:00Z", "03-10T06:30Z"]],
    ["America/New_York", "30 */2 * * *", "2025-03-09T04:00Z", ["03-09T05:30Z", "03-09T08:30Z"]],
    ["America/New_York", "*/30 2 9 3 *", "2025-03-08T00:00Z", ["2026-03-09T06:00Z"]],
    // 02:00 to 03:00, at 01:00Z.
    ["Europe/Berlin", "1 2 * * sun", "2025-03-24T00:00Z", ["03-30T01:00Z", "04-06T00:01Z"]],
    // 02:00 to 02:30, at 15:30Z of the day before.
    ["Australia/Lord_Howe", "15 2 * * *", "2025-10-04T00:00Z", ["10-04T15:30Z", "10-05T15:15Z"]],
    ["Australia/Lord_Howe", "30 2 * * *", "2025-10-04T00:00Z", ["10-04T15:30Z", "10-05T15:30Z"]],
    [
      "Australia/Lord_Howe",
      "*/15 * * * *",
      "2025-10-04T15:05Z",
      ["10-04T15:15Z", "10-04T15:30Z", "10-04T15:45Z"],
    ],
    // 00:00 to 01:00, at 03:00Z.
    [
      "America/Sao_Paulo",
      "0 0 * * *",
      "2018-11-03T12:00Z",
      ["2018-11-04T03:00Z", "2018-11-05T02:00Z"],
    ],
    [
      "America/Sao_Paulo",
      "@daily",
      "2018-11-03T12:00Z",
      ["2018-11-04T03:00Z", "2018-11-05T02:00Z"],
    ],
    [
      "America/Sao_Paulo",
      "30 0 4 11 *",
      "2018-11-03T12:00Z",
      ["2018-11-04T03:00Z", "2019-11-04T03:30Z"],
    ],
    [
      "America/Sao_Paulo",
      "@hourly",
      "2018-11-04T01:30Z",
      ["2018-11-04T02:00Z", "2018-11-04T03:00Z", "2018-11-04T04:00Z"],
    ],
    // 00:00 to 01:00, at 22:00Z of the day before.
    [
      "Africa/Cairo",
      "0 0 * * fri",
      "2023-04-22T00:00Z",
      ["2023-04-27T22:00Z", "2023-05-04T21:00Z"],
    ],
    // 23:30 to 00:00 of the next day, for good.
    [
      "Asia/Pyongyang",
      "45 23 * * *",
      "2018-05-03T15:16Z",
      ["2018-05-04T15:00Z", "2018-05-05T14:45Z"],
    ],
    // 00:00 to 24:00: no 30 December.
    [
      "Pacific/Apia",
      "0 9 * * *",
      "2011-12-29T00:00Z",
      ["2011-12-29T19:00Z", "2011-12-30T10:00Z", "2011-12-30T19:00Z"],
    ],
    [
      "Pacific/Apia",
      "0 9,12 30 12 *",
      "2011-12-01T00:00Z",
      ["2011-12-30T10:00Z", "2012-12-29T19:00Z"],
    ],
    [
      "Pacific/Apia",
      "0 */8 * * *",
      "2011-12-30T00:00Z",
      ["2011-12-30T02:00Z", "2011-12-30T10:00Z", "2011-12-30T18:00Z"],
    ],
    ["Pacific/Apia", "0 * 30 12 *", "2011-12-29T00:00Z", ["2012-12-29T10:00Z"]],
    // By two hours.
    [
      "Antarctica/Troll",
      "30 1,2 * * *",
      "2023-03-26T00:00Z",
      ["2023-03-26T01:00Z", "2023-03-26T23:30Z"],
    ],
  ])("in %s, %s fires after %s at %s", async (zone, cron, base, expected) => {
    expect(await runs({ cron, zone, base, count: expected.length })).toEqual(expected.map(inFull));
  });
});

describe("where clocks are set back", () => {
  it.each([
    // 02:00 to 01:00, at 06:00Z.
    ["America/New_York", "30 1 * * *", "2025-11-02T04:00Z", ["11-02T05:30Z", "11-03T06:30Z"]],
    ["America/New_York", "30 1 * * *", "2025-11-02T06:10Z", ["11-03T06:30Z"]],
    [
      "America/New_York",
      "0 1-2 * * *",
      "2025-11-02T04:00Z",
      ["11-02T05:00Z", "11-02T07:00Z", "11-03T06:00Z"],
    ],
    ["America/New_York", "0 2 * * *", "2025-11-02T04:00Z", ["11-02T07:00Z", "11-03T07:00Z"]],
    ["America/New_York", "0 2 * * *", "2025-11-02T06:10Z", ["11-02T07:00Z", "11-03T07:00Z"]],
    ["America/New_York", "59 1 * * *", "2025-11-02T06:00Z", ["11-03T06:59Z"]],
    [
      "America/New_York",
      "*/30 * * * *",
      "2025-11-02T05:00Z",
      ["11-02T05:30Z", "11-02T06:00Z", "11-02T06:30Z", "11-02T07:00Z"],
    ],
    ["America/New_York", "40 * * * *", "2025-11-02T05:50Z", ["11-02T06:40Z", "11-02T07:40Z"]],
    [
      "America/New_York",
      "*/30 1 * * *",
      "2025-11-02T04:00Z",
      ["11-02T05:00Z", "11-02T05:30Z", "11-02T06:00Z", "11-02T06:30Z", "11-03T06:00Z"],
    ],
    ["America/New_York", "@hourly", "2025-11-02T05:30Z", ["11-02T06:00Z", "11-02T07:00Z"]],
    ["America/New_York", "59 1 2 11 *", "2025-11-02T05:58Z", ["11-02T05:59Z", "2026-11-02T06:59Z"]],
    [
      "America/New_York",
      "0/59 1 2 11 *",
      "2025-11-02T05:00Z",
      ["11-02T05:59Z", "11-02T06:00Z", "11-02T06:59Z", "2026-11-02T06:00Z"],
    ],
    // 03:00 to 02:00, at 01:00Z.
    ["Europe/Berlin", "30 2 * * *", "2025-10-25T12:00Z", ["10-26T00:30Z", "10-27T01:30Z"]],
    [
      "Europe/Berlin",
      "*/20 2 * * *",
      "2025-10-26T00:30Z",
      ["10-26T00:40Z", "10-26T01:00Z", "10-26T01:20Z", "10-26T01:40Z", "10-27T01:00Z"],
    ],
    // 02:00 to 01:30, at 15:00Z of the day before.
    ["Australia/Lord_Howe", "45 1 * * *", "2025-04-05T00:00Z", ["04-05T14:45Z", "04-06T15:15Z"]],
    ["Australia/Lord_Howe", "15 * * * *", "2025-04-05T14:00Z", ["04-05T14:15Z", "04-05T15:45Z"]],
    [
      "Australia/Lord_Howe",
      "*/15 * * * *",
      "2025-04-05T14:40Z",
      ["04-05T14:45Z", "04-05T15:00Z", "04-05T15:15Z", "04-05T15:30Z"],
    ],
    // 00:00 to 23:00 of the day before, at 02:00Z.
    [
      "America/Sao_Paulo",
      "30 23 * * sat",
      "2018-02-17T12:00Z",
      ["2018-02-18T01:30Z", "2018-02-25T02:30Z"],
    ],
    [
      "America/Sao_Paulo",
      "@daily",
      "2018-02-17T12:00Z",
      ["2018-02-18T03:00Z", "2018-02-19T03:00Z"],
    ],
    [
      "America/Sao_Paulo",
      "*/30 23 17 2 *",
      "2018-02-18T01:00Z",
      ["2018-02-18T01:30Z", "2018-02-18T02:00Z", "2018-02-18T02:30Z"],
    ],
    // 24:00 to 23:00, at 21:00Z.
    ["Africa/Cairo", "0 0 * * *", "2023-10-25T22:00Z", ["2023-10-26T22:00Z", "2023-10-27T22:00Z"]],
    [
      "Africa/Cairo",
      "15 23 * * *",
      "2023-10-26T00:00Z",
      ["2023-10-26T20:15Z", "2023-10-27T21:15Z"],
    ],
    // By 23 hours, at 13:00Z.
    [
      "Pacific/Kwajalein",
      "0 12 * * *",
      "1969-09-30T00:00Z",
      ["1969-09-30T01:00Z", "1969-10-02T00:00Z"],
    ],
    [
      "Pacific/Kwajalein",
      "0 */12 * * *",
      "1969-09-29T14:00Z",
      ["1969-09-30T01:00Z", "1969-10-01T00:00Z", "1969-10-01T12:00Z"],
    ],
  ])("in %s, %s fires after %s at %s", async (zone, cron, base, expected) => {
    expect(await runs({ cron, zone, base, count: expected.length })).toEqual(expected.map(inFull));
  });
});

describe("cron expressions are refused", () => {
  const empty = "22026 VAL_CRON_EMPTY";
  const fields = "22023 VAL_CRON_FIELDS";
  const invalid = "22023 VAL_CRON_INVALID";
  const zero = "22023 VAL_CRON_STEP_ZERO";

  const everywhere: [string | null, string][] = [
    [null, empty],
    ["", empty],
    [" \t\n ", empty],
    [" ".repeat(300), empty],
    [`${" ".repeat(248)}* * * * *`, "22001 VAL_CRON_TOO_LONG"],
    [`${"0,".repeat(200)}0 * * * *`, "22001 VAL_CRON_TOO_LONG"],
    ["*", fields],
    ["* * * *", fields],
    ["* * * * * *", fields],
    ["@reboot", fields],
    ["@", fields],
    ["@daily *", fields],
    ["@every 5m", fields],
    ["60 * * * *", invalid],
    ["99 * * * *", invalid],
    ["100 * * * *", invalid],
    ["* 24 * * *", invalid],
    ["* * 0 * *", invalid],
    ["* * 32 * *", invalid],
    ["* * * 0 *", invalid],
    ["* * * 13 *", invalid],
    ["* * * * 8", invalid],
    ["-1 * * * *", invalid],
    ["+1 * * * *", invalid],
    ["1.5 * * * *", invalid],
    ["5-1 * * * *", invalid],
    ["* * * * 5-0", invalid],
    ["* * * * fri-mon", invalid],
    ["* * * dec-jan *", invalid],
    ["0-60 * * * *", invalid],
    ["* * 0-5 * *", invalid],
    ["1- * * * *", invalid],
    ["-5 * * * *", invalid],
    ["1-2-3 * * * *", invalid],
    ["*-5 * * * *", invalid],
    ["** * * * *", invalid],
    ["5* * * * *", invalid],
    [", * * * *", invalid],
    ["1, * * * *", invalid],
    [",1 * * * *", invalid],
    ["1,,2 * * * *", invalid],
    ["/5 * * * *", invalid],
    ["*/ * * * *", invalid],
    ["*/x * * * *", invalid],
    ["*/5/5 * * * *", invalid],
    ["*/61 * * * *", invalid],
    ["* */25 * * *", invalid],
    ["* * * * */8", invalid],
    ["*/9999999999 * * * *", invalid],
    ["jan * * * *", invalid],
    ["* * mon * *", invalid],
    ["* * * mon *", invalid],
    ["* * * * jan", invalid],
    ["* * * * monday", invalid],
    ["* * * * m", invalid],
    ["? * * * *", invalid],
    ["* * L * *", invalid],
    ["* * 15W * *", invalid],
    ["* * * * 5#2", invalid],
    ["* * * * 5L", invalid],
    ["H * * * *", invalid],
    ["* * * *\n*", fields],
    ["1\n2 * * * *", invalid],
    ["٣ * * * *", invalid],
    ["* * * * ſun", invalid],
    ["*/0 * * * *", zero],
    ["*/00 * * * *", zero],
    ["5/0 * * * *", zero],
    ["1-9/0 * * * *", zero],
    ["* * * * mon-fri/0", zero],
    ["*/-1 * * * *", zero],
  ];

  it.each([
    ...everywhere,
    ["0 0 31 2 *", invalid],
    ["0 0 30 2 *", invalid],
    ["0 0 30-31 feb *", invalid],
    ["* * 31 4,6,9,11 *", invalid],
    ["0 0 31 2 */2", invalid],
  ])("when validated: %j", async (cron, expected) => {
    const work = db.app.query("select queue._validate_cron_expression($1)", [cron]);
    expect(await refusalOf(work)).toBe(expected);
  });

  it.each(everywhere)("when evaluated: %j", async (cron, expected) => {
    const work = db.app.query("select queue._cron_next_run($1, 'UTC', now())", [cron]);
    expect(await refusalOf(work)).toBe(expected);
  });

  it.each([
    "* * * * *",
    "0 0 31 2 mon",
    "0 0 30,29 2 *",
    "0 0 31 2,3 *",
    "0 0 29 2 */7",
    "*/60 */24 */31 */12 */7",
    `${"0,".repeat(123)}0 * * * *`,
    " @daily ",
  ])("but not %j", async (cron) => {
    const work = db.app.query("select queue._validate_cron_expression($1)", [cron]);
    expect(await refusalOf(work)).toBe("accepted");
  });
});

describe("a field", () => {
  it.each([
    ["*", 1, 3, [1, 2, 3]],
    ["3,1,1-2", 1, 5, [1, 2, 3]],
    ["1-7/3", 0, 59, [1, 4, 7]],
    ["50/4", 0, 59, [50, 54, 58]],
    ["5-7,0", 0, 7, [0, 5, 6, 7]],
    ["sat-sun", 0, 7, [6, 7]],
    ["Sun", 0, 7, [0]],
    ["Nov-DEC,jan", 1, 12, [1, 11, 12]],
  ])("%s from %i to %i selects %j", async (field, min, max, expected) => {
    const { rows } = await db.app.query("select queue._cron_parse_field($1, $2, $3) as values", [
      field,
      min,
      max,
    ]);
    expect(rows).toEqual([{ values: expected }]);
  });

  it.each([
    [null, "22023 VAL_CRON_INVALID"],
    ["", "22023 VAL_CRON_INVALID"],
    [" 1", "22023 VAL_CRON_INVALID"],
    ["8", "22023 VAL_CRON_INVALID"],
    ["*/0", "22023 VAL_CRON_STEP_ZERO"],
  ])("that is %j is refused", async (field, expected) => {
    const work = db.app.query("select queue._cron_parse_field($1, 0, 7)", [field]);
    expect(await refusalOf(work)).toBe(expected);
  });
});

describe("time zones", () => {
  it("are all that PostgreSQL lists, and fire", async () => {
    const { rows } = await db.app.query<{ count: number }>(
      `select count(queue._cron_next_run('30 2 * * *', z.name, '2025-01-01 00:00+00'))::int as count,
         count(*)::int as all
       from pg_timezone_names z`,
    );
    expect(rows[0]).toEqual({ count: expect.any(Number), all: rows[0]?.count });
    expect(rows[0]?.count).toBeGreaterThan(300);
  });

  it.each(["utc", "europe/BERLIN", "EST", "Z", "Etc/GMT+12", "etc/gmt-14", "GMT0", "EST5EDT"])(
    "may be %s",
    async (zone) => {
      const work = db.app.query("select queue._validate_timezone($1)", [zone]);
      expect(await refusalOf(work)).toBe("accepted");
    },
  );

  it.each([
    null,
    "",
    " ",
    "Nowhere/Town",
    "Europe",
    "Europe/",
    "Europe/Berlin ",
    " UTC",
    "Europe/Ber lin",
    "../UTC",
    "FOO+3",
    "UTC+3",
    "GMT+3",
    "Etc/GMT+13",
    "Etc/GMT-15",
    "+03",
    "+03:00",
    "3",
    "<+03>-3",
    "EST5",
    "EST5EDT,M3.2.0,M11.1.0",
    "Europe/Berlin1",
    "x".repeat(300),
  ])("are refused when unknown: %j", async (zone) => {
    const unknown = "22023 VAL_TIMEZONE_UNKNOWN";
    const validated = db.app.query("select queue._validate_timezone($1)", [zone]);
    expect(await refusalOf(validated)).toBe(unknown);
    const evaluated = db.app.query("select queue._cron_next_run('* * * * *', $1, now())", [zone]);
    expect(await refusalOf(evaluated)).toBe(unknown);
  });
});

interface Asked {
  readonly cron: string;
  readonly zone?: string;
  readonly base: string | null;
  readonly count: number;
}

/** Runs that follow one another, to the minute. */
async function runs({ cron, zone = "UTC", base, count }: Asked): Promise<(string | null)[]> {
  const { rows } = await db.app.query<{ run: string | null }>(
    `with recursive runs (run, position) as (
       select queue._cron_next_run($1, $2, $3::timestamptz), 1
       union all
       select queue._cron_next_run($1, $2, r.run), r.position + 1
       from runs r
       where r.position < $4
     )
     select to_char(r.run at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') as run
     from runs r
     order by r.position`,
    [cron, zone, base, count],
  );
  return rows.map(({ run }) => run);
}

/** The year may be left out when it is 2025. */
function inFull(instant: string): string {
  return instant.length < 17 ? `2025-${instant}` : instant;
}
