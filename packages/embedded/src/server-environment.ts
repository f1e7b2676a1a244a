/**
 * The environment for PostgreSQL's programs: without the caller's `PG…` settings, in UTC, and with English messages,
 * which the code reads.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("PG"));
  return { ...Object.fromEntries(kept), LC_ALL: "C", TZ: "UTC" };
}
