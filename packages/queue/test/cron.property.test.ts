import type { TestDatabase } from "@postkit/testkit";
import { Cron } from "croner";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { anyExpression, nightlyExpression } from "./support/cron-expressions.ts";
import {
  changesOf,
  daysAround,
  type Fields,
  firings,
  isEither,
  selects,
  textOf,
  wallClock,
} from "./support/cron-oracle.ts";
import { createCronDatabase } from "./support/cron.ts";

const schedules = Number(process.env["POSTKIT_TEST_SCHEDULES"] ?? 1000);
const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);

const hourMs = 3_600_000;
const runsMax = 20;

/** Zones whose past is beyond dispute, and each kind of change: half an hour, at midnight, a whole day, 45 minutes. */
const zones = [
  "UTC",
  "America/New_York",
  "America/Sao_Paulo",
  "America/St_Johns",
  "America/Caracas",
  "Europe/Berlin",
  "Europe/Dublin",
  "Europe/Moscow",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Asia/Kolkata",
  "Asia/Pyongyang",
  "Asia/Singapore",
  "Asia/Tehran",
  "Australia/Lord_Howe",
  "Antarctica/Troll",
  "Pacific/Apia",
  "Pacific/Chatham",
  "Pacific/Kiritimati",
  "Pacific/Kwajalein",
];
const lawsFrom = Date.UTC(1980, 0, 1);
const lawsUntil = Date.UTC(2024, 0, 1);

interface Question {
  readonly cron: string;
  readonly zone: string;
  /** Milliseconds. */
  readonly base: number;
  /** How far to go on from run to run; one run without. */
  readonly until?: number;
}

let db: TestDatabase;

beforeAll(async () => {
  db = await createCronDatabase();
  await db.owner.query(`
    create function queue.runs(p_cron text, p_zone text, p_base timestamptz, p_until timestamptz)
    returns float8[]
    language plpgsql
    as $$
    declare
      v_runs float8[] := '{}';
    begin
      for v_count in 1..${runsMax}
      loop
        p_base := queue._cron_next_run(p_cron, p_zone, p_base);
        exit when (p_base <= p_until) is false;
        v_runs := v_runs || extract(epoch from p_base)::float8 * 1000;
        exit when p_until is null;
      end loop;
      return v_runs;
    end
    $$`);
});

afterAll(() => db.drop());

describe("the next run", () => {
  it(`follows the rules minute by minute where clocks are set, ${schedules} schedules, seed ${seed}`, async () => {
    const changes = zones.flatMap((zone) =>
      changesOf(zone, lawsFrom, lawsUntil).map((change) => ({ zone, change })),
    );
    const places = fc
      .sample(fc.constantFrom(...changes), { seed, numRuns: Math.ceil(schedules / 30) })
      .map(({ zone, change }) => ({ zone, change, days: daysAround(zone, change, 52) }));
    const cases = fc.sample(
      fc.record({
        fields: nightlyExpression,
        place: fc.constantFrom(...places),
        secondsBefore: fc.oneof(
          fc.integer({ min: -86_400, max: 90_000 }),
          fc.integer({ min: -120, max: 120 }).map((minutes) => minutes * 60),
        ),
      }),
      { seed, numRuns: schedules },
    );
    const questions = cases.map(({ fields, place, secondsBefore }) => ({
      cron: textOf(fields),
      zone: place.zone,
      base: place.change - secondsBefore * 1000,
      until: place.change + 50 * hourMs,
    }));
    const expected = cases.map(({ fields, place }, index) =>
      firings(fields, place.days)
        .filter((run) => run > (questions[index]?.base ?? 0))
        .filter((run) => run <= place.change + 50 * hourMs)
        .slice(0, runsMax),
    );
    expectSameRuns({ questions, actual: await runsOf(questions), expected });
    expect(expected.flat().length).toBeGreaterThan(schedules);
  }, 120_000);

  it(`agrees with croner where no clock is set, ${schedules} schedules, seed ${seed}`, async () => {
    const cases = fc.sample(
      fc.record({
        fields: anyExpression,
        zone: fc.constantFrom(...zones),
        base: fc.integer({ min: lawsFrom / 1000, max: lawsUntil / 1000 }).map((at) => at * 1000),
      }),
      { seed, numRuns: schedules },
    );
    const questions = cases.map(({ fields, ...rest }) => ({ cron: textOf(fields), ...rest }));
    const actual = await runsOf(questions);
    const compared = cases
      .map((one, index) => ({
        ...one,
        ours: actual[index]?.[0] ?? Number.NaN,
        croners: cronerRun(one.fields, one.zone, one.base) ?? Number.NaN,
      }))
      .filter(({ zone, base, ours, croners }) =>
        [base, ours, croners].every((instant) => runsEvenly(zone, instant)),
      );
    expect(compared.length).toBeGreaterThan(schedules * 0.9);
    const wrong = compared.filter((one) => one.ours !== one.croners && !cronerSkips(one));
    expect(
      wrong.map(({ fields, ours, croners, ...rest }) => ({
        schedule: `${textOf(fields)} ${told(rest)}`,
        ours: new Date(ours).toJSON(),
        croners: new Date(croners).toJSON(),
      })),
    ).toEqual([]);
  }, 120_000);

  it(`is later than its base and a minute that is selected, ${schedules} schedules, seed ${seed}`, async () => {
    const cases = fc.sample(
      fc.record({
        fields: anyExpression,
        zone: fc.constantFrom(...zones),
        base: fc.integer({ min: lawsFrom, max: lawsUntil }),
      }),
      { seed: seed + 1, numRuns: schedules },
    );
    const questions = cases.map(({ fields, ...rest }) => ({ cron: textOf(fields), ...rest }));
    const actual = await runsOf(questions);
    const wrong = cases.filter(({ fields, zone, base }, index) => {
      const run = actual[index]?.[0];
      if (run === undefined || run <= base) return true;
      return !selects(fields, wallClock(zone)(run)) && runsEvenly(zone, run);
    });
    expect(wrong.map(({ fields, ...rest }) => ({ cron: textOf(fields), ...rest }))).toEqual([]);
  }, 120_000);
});

async function runsOf(questions: readonly Question[]): Promise<number[][]> {
  const seconds = (instant: number | undefined) => (instant === undefined ? null : instant / 1000);
  const { rows } = await db.owner.query<{ runs: number[] }>(
    `select queue.runs(q.cron, q.zone, to_timestamp(q.base), to_timestamp(q.until)) as runs
     from unnest($1::text[], $2::text[], $3::float8[], $4::float8[]) with ordinality
       q (cron, zone, base, until, position)
     order by q.position`,
    [
      questions.map(({ cron }) => cron),
      questions.map(({ zone }) => zone),
      questions.map(({ base }) => seconds(base)),
      questions.map(({ until }) => seconds(until)),
    ],
  );
  return rows.map(({ runs }) => runs);
}

/** Tells only what differs. */
function expectSameRuns({
  questions,
  actual,
  expected,
}: {
  questions: readonly Question[];
  actual: readonly (readonly number[])[];
  expected: readonly (readonly number[])[];
}): void {
  const differing = (runs: readonly (readonly number[])[]) =>
    questions
      .map((question, index) => ({
        schedule: `${question.cron} ${told(question)}`,
        runs: runs[index]?.map((run) => new Date(run).toJSON()),
      }))
      .filter((_, index) => String(actual[index]) !== String(expected[index]));
  expect(differing(actual)).toEqual(differing(expected));
}

function told({ zone, base }: { zone: string; base: number }): string {
  return `${zone} after ${new Date(base).toISOString()}`;
}

/** croner 10 leaps from February over the first days of March: "0 0 1,31 * *" after 2023-02-07 is 31 March to it. */
function cronerSkips({
  fields,
  zone,
  ours,
  croners,
}: {
  fields: Fields;
  zone: string;
  ours: number;
  croners: number;
}): boolean {
  const wall = new Date(wallClock(zone)(ours));
  const isEarly = wall.getUTCMonth() === 2 && wall.getUTCDate() <= 3;
  return ours < croners && selects(fields, wall.getTime()) && isEarly;
}

/** croner knows no n/step, and is told whether either day is enough: with it, a day of `*` and a step is restricted. */
function cronerRun(fields: Fields, zone: string, base: number): number | undefined {
  const ends = [59, 23, 31, 12, 7];
  const text = fields
    .map((field, index) => field.text.replace(/(?<=^|,)(\w+)\//g, `$1-${ends[index]}/`))
    .join(" ");
  const job = new Cron(text, { timezone: zone, domAndDow: !isEither(fields), paused: true });
  return job.nextRun(new Date(base))?.getTime();
}

function runsEvenly(zone: string, instant: number): boolean {
  const clock = wallClock(zone);
  const dayMs = 25 * hourMs;
  return clock(instant + dayMs) - clock(instant - dayMs) === 2 * dayMs;
}
