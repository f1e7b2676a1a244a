import { readFile } from "node:fs/promises";

import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import pg from "pg";

/** In the order in which they are loaded. */
const files = [
  "types",
  "_cron_parse_field",
  "_cron_bits",
  "_cron_parse",
  "_cron_next_date",
  "_cron_next_clock",
  "_cron_clock_change",
  "_cron_first_instant",
  "_validate_cron_expression",
  "_validate_timezone",
  "_cron_next_run",
];

/** A database in which cron expressions can be evaluated. */
export async function createCronDatabase(): Promise<TestDatabase> {
  const db = await createTestDatabase();
  await db.owner.query(`create schema queue; grant usage on schema queue to ${db.appRole}`);
  for (const file of files) {
    await db.owner.query(
      await readFile(new URL(`../../sql/cron/${file}.sql`, import.meta.url), "utf8"),
    );
  }
  return db;
}

/** What a refused statement said: `<sqlstate> <code>`, or "accepted". */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return `${error.code} ${error.hint?.replace(/^postkit:queue:/, "")}`;
  }
  return "accepted";
}
