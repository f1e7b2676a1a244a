/** A length of time as PostgreSQL has it: months and days have no fixed length, the rest has. */
export interface Duration {
  readonly months: number;
  readonly days: number;
  readonly microseconds: number;
}

/**
 * Reads ISO 8601, `P1DT2H`, and what PostgreSQL writes in any of its interval styles: `1 day 02:00:00`,
 * `@ 1 day 2 hours`, `1 2:00:00`.
 *
 * @returns undefined for anything else
 */
export function parseDuration(text: string): Duration | undefined {
  const amounts = isoAmounts(text) ?? standardAmounts(text) ?? wordyAmounts(text);
  return amounts === undefined ? undefined : durationOf(amounts);
}

/** The same as PostgreSQL's object of pg. */
export function durationOf(amounts: Amounts): Duration | undefined {
  const days = (amounts.weeks ?? 0) * 7 + (amounts.days ?? 0);
  const wholeDays = Math.trunc(days);
  const months = (amounts.years ?? 0) * 12 + (amounts.months ?? 0);
  const hours = (days - wholeDays) * 24 + (amounts.hours ?? 0);
  const seconds = (hours * 60 + (amounts.minutes ?? 0)) * 60 + (amounts.seconds ?? 0);
  const microseconds = Math.round(seconds * 1_000_000 + (amounts.milliseconds ?? 0) * 1_000);
  return Number.isInteger(months) ? { months, days: wholeDays, microseconds } : undefined;
}

/** Whether every version of PostgreSQL reads its text; what a newer one holds may be longer. */
export function isPortable({ months, days, microseconds }: Duration): boolean {
  return [months, days, microseconds / 3_600_000_000].every((part) => Math.abs(part) <= fieldMax);
}

/** ISO 8601, in as few fields as it takes: years, months, days, hours, minutes, seconds. */
export function durationText({ months, days, microseconds }: Duration): string {
  const date = field(Math.trunc(months / 12), "Y") + field(months % 12, "M") + field(days, "D");
  const sign = microseconds < 0 ? -1 : 1;
  const restMicroseconds = Math.abs(microseconds);
  const time =
    field(sign * Math.floor(restMicroseconds / 3_600_000_000), "H") +
    field(sign * (Math.floor(restMicroseconds / 60_000_000) % 60), "M") +
    field((sign * (restMicroseconds % 60_000_000)) / 1_000_000, "S");
  if (time !== "") return `P${date}T${time}`;
  return date === "" ? "PT0S" : `P${date}`;
}

const units = [
  "years",
  "months",
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
] as const;

export type Amounts = Readonly<Partial<Record<(typeof units)[number], number>>>;

/** An object of pg has no more than these. */
export function isAmounts(value: object): value is Amounts {
  return Object.entries(value).every(
    ([name, amount]) =>
      (units as readonly string[]).includes(name) &&
      typeof amount === "number" &&
      Number.isFinite(amount),
  );
}

/** What a field of an interval holds in every version of PostgreSQL. */
const fieldMax = 2 ** 31 - 1;

function field(amount: number, unit: string): string {
  return amount === 0 ? "" : `${amount.toFixed(6).replace(/\.?0+$/, "")}${unit}`;
}

const number = String.raw`([+-]?\d{1,18}(?:\.\d{1,18})?)`;
const optional = (unit: string) => `(?:${number}${unit})?`;

const isoForm = new RegExp(
  `^([+-]?)P(?=.)${["Y", "M", "W", "D"].map(optional).join("")}(?:T(?=.)${["H", "M", "S"].map(optional).join("")})?$`,
);

function isoAmounts(text: string): Amounts | undefined {
  const match = isoForm.exec(text);
  if (match === null) return undefined;
  const amounts = match
    .slice(2)
    .map((amount: string | undefined) => (match[1] === "-" ? -1 : 1) * Number(amount ?? 0));
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = amounts;
  return { years, months, weeks, days, hours, minutes, seconds };
}

/** `1-2 3 4:05:06`, or a part of it; a sign counts for what follows it too, unless that has its own. */
const standardForm =
  /^(?:([+-]?)(\d{1,9})-(\d{1,9})(?: |$))?(?:([+-]?)(\d{1,10}) (?=[+-]?\d+:))?(?:([+-]?)(\d{1,18}):(\d\d):(\d\d(?:\.\d{1,6})?))?$/;

function standardAmounts(text: string): Amounts | undefined {
  if (text === "0") return {};
  const match = standardForm.exec(text);
  if (match === null || text === "") return undefined;
  const [, yearSign, years, months, daySign, days, timeSign, hours, minutes, seconds] = match;
  const signOfYears = yearSign === "-" ? -1 : 1;
  const signOfDays = daySign ? Number(`${daySign}1`) : signOfYears;
  const signOfTime = timeSign ? Number(`${timeSign}1`) : signOfDays;
  return {
    years: signOfYears * Number(years ?? 0),
    months: signOfYears * Number(months ?? 0),
    days: signOfDays * Number(days ?? 0),
    hours: signOfTime * Number(hours ?? 0),
    minutes: signOfTime * Number(minutes ?? 0),
    seconds: signOfTime * Number(seconds ?? 0),
  };
}

const words: Readonly<Record<string, keyof Amounts>> = {
  year: "years",
  mon: "months",
  month: "months",
  week: "weeks",
  day: "days",
  hour: "hours",
  min: "minutes",
  minute: "minutes",
  sec: "seconds",
  second: "seconds",
  millisecond: "milliseconds",
};

const wordyPart = new RegExp(`${number} ?(${Object.keys(words).join("|")})s?(?= |$)`, "y");
const clockPart = /([+-]?)(\d{1,18}):(\d\d):(\d\d(?:\.\d{1,6})?)$/y;

/** `1 year -2 days +04:05:06` and `@ 1 hour 5.5 secs ago`. */
function wordyAmounts(text: string): Amounts | undefined {
  const isAgo = text.endsWith(" ago");
  const body = text.slice(text.startsWith("@ ") ? 2 : 0, isAgo ? -4 : undefined);
  if (text === "@ 0") return {};
  if (body === "" || body !== body.trim()) return undefined;
  const amounts: Partial<Record<keyof Amounts, number>> = {};
  const add = (unit: keyof Amounts, amount: number) => {
    amounts[unit] = (amounts[unit] ?? 0) + (isAgo ? -amount : amount);
  };
  for (let at = 0; at < body.length;) {
    wordyPart.lastIndex = at;
    clockPart.lastIndex = at;
    const word = wordyPart.exec(body);
    const clock = word === null ? clockPart.exec(body) : null;
    const part = word ?? clock;
    if (part === null) return undefined;
    if (word !== null) add(words[word[2] as string] as keyof Amounts, Number(word[1]));
    if (clock !== null) {
      const sign = clock[1] === "-" ? -1 : 1;
      add("hours", sign * Number(clock[2]));
      add("minutes", sign * Number(clock[3]));
      add("seconds", sign * Number(clock[4]));
    }
    at += part[0].length + 1;
  }
  return amounts;
}
