const minuteMs = 60_000;

/** What a field of a cron expression selects, known from how it was made and not from parsing it. */
export interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number>;
}

/** Minute, hour, day of month, month, day of week. */
export type Fields = readonly [Field, Field, Field, Field, Field];

export function textOf(fields: Fields): string {
  return fields.map(({ text }) => text).join(" ");
}

/** Minute and hour are named, without `*` and step. */
export function isFixed([minute, hour]: Fields): boolean {
  return !/[*/]/.test(minute.text + hour.text);
}

/** Either of the two days is enough. */
export function isEither([, , day, , weekday]: Fields): boolean {
  return !day.text.startsWith("*") && !weekday.text.startsWith("*");
}

/** Some year has a day that the expression selects. */
export function everFires(fields: Fields): boolean {
  if (isEither(fields)) return true;
  const [, , day, month] = fields;
  const daysOf = (of: number) => new Date(Date.UTC(2000, of, 0)).getUTCDate();
  return [...month.values].some((of) => Math.min(...day.values) <= daysOf(of));
}

/** Times of a clock on the wall are milliseconds too, as if it hung in Greenwich. */
export function selects(fields: Fields, wall: number): boolean {
  const [minute, hour, day, month, weekday] = fields;
  // By far the most minutes end here, and there are millions.
  if (!minute.values.has(Math.floor(wall / minuteMs) % 60)) return false;
  const date = new Date(wall);
  const onDay = day.values.has(date.getUTCDate());
  const onWeekday = [0, 7].some((week) => weekday.values.has(date.getUTCDay() || week));
  return (
    hour.values.has(date.getUTCHours()) &&
    month.values.has(date.getUTCMonth() + 1) &&
    (isEither(fields) ? onDay || onWeekday : onDay && onWeekday)
  );
}

/** What the clocks of a zone show, as the runtime's own time zone data has it. */
export function wallClock(zone: string): (instant: number) => number {
  let clock = clocks.get(zone);
  if (clock === undefined) clocks.set(zone, (clock = newClock(zone)));
  return clock;
}

const clocks = new Map<string, (instant: number) => number>();

function newClock(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (instant) => {
    const [month = 0, day, year = 0, hour, minute, second] = format
      .format(instant)
      .split(/\D+/)
      .map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second);
  };
}

/** The instants from which the clocks of a zone show something else than counting on would give. */
export function changesOf(zone: string, from: number, until: number): number[] {
  const clock = wallClock(zone);
  const offset = (instant: number) => clock(instant) - instant;
  const changes: number[] = [];
  // No zone changes twice in three days.
  const stepMs = 48 * 60 * minuteMs;
  for (let before = from; before < until; before += stepMs) {
    if (offset(before) === offset(before + stepMs)) continue;
    let [low, high] = [before, before + stepMs];
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / 2 / minuteMs) * minuteMs;
      if (offset(middle) === offset(low)) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}

/** Every minute of some days, and what the clocks of a zone show at each. */
export interface Days {
  readonly instants: readonly number[];
  readonly walls: readonly number[];
}

export function daysAround(zone: string, instant: number, hours: number): Days {
  const clock = wallClock(zone);
  const start = Math.floor(instant / minuteMs) * minuteMs - hours * 60 * minuteMs;
  const instants = Array.from(
    { length: 2 * hours * 60 + 1 },
    (_, index) => start + index * minuteMs,
  );
  return { instants, walls: instants.map(clock) };
}

/**
 * When an expression fires in some days, by the rules as they are written down: one minute after the other, and for
 * fixed times one time of the calendar after the other, shown by the clocks or not.
 */
export function firings(fields: Fields, { instants, walls }: Days): number[] {
  if (!isFixed(fields)) {
    return instants.filter((_, index) => selects(fields, walls[index] ?? Number.NaN));
  }
  const fired = new Set<number>();
  const firstShown = new Map<number, number>();
  walls.forEach((wall, index) => {
    if (!firstShown.has(wall)) firstShown.set(wall, index);
  });
  const last = Math.max(...walls);
  for (let wall = walls[0] ?? last; wall <= last; wall += minuteMs) {
    if (!selects(fields, wall)) continue;
    const index = firstShown.get(wall) ?? walls.findIndex((shown) => shown > wall);
    fired.add(instants[index] ?? Number.NaN);
  }
  return [...fired].sort((one, other) => one - other);
}
