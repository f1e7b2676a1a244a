import type { Migration } from "node-pg-migrate";
import type { ClientBase } from "pg";
import { coreError, sqlstateOf } from "../errors.ts";
import { coreSchemaSql } from "../schema.gen.ts";
import { fileOf } from "./history.ts";
import type { PlannedStep } from "./plan.ts";
import { coreSchemaVersion } from "./version.ts";

/** A step that ran. */
export interface AppliedResult {
  readonly module: string;
  readonly name: string;
  readonly direction: "up" | "down";
  readonly durationMs: number;
}

/** Creates core's own schema, or brings an older one up to date. */
export async function ensureCoreSchema(
  client: ClientBase,
  installed: number | undefined,
): Promise<void> {
  if (installed !== undefined && installed >= coreSchemaVersion) return;
  await client.query(coreSchemaSql);
  await client.query(
    `insert into postkit.core_schema (version) values ($1)
     on conflict (only_row) do update set version = excluded.version, updated_at = now()`,
    [coreSchemaVersion],
  );
}

/**
 * Runs one step through node-pg-migrate, which keeps its table of applied steps, and logs it with its checksums in
 * the same transaction.
 *
 * @throws `core.MIG_FAILED` naming module and file, with PostgreSQL's message and error as cause
 */
export async function applyStep(
  client: ClientBase,
  { step, direction }: PlannedStep,
): Promise<AppliedResult> {
  const startedAt = performance.now();
  const file = fileOf(step, direction);
  try {
    await client.query("select postkit.ensure_bookkeeping($1)", [step.module]);
    await (await migrationOf(client, step)).apply(direction);
  } catch (error) {
    const message = messageOf(error);
    throw coreError(
      "MIG_FAILED",
      `${step.module}: ${file} failed, nothing was changed: ${message}`,
      {
        sqlstate: sqlstateOf(error) ?? "XX000",
        detail: { module: step.module, file },
        cause: error,
      },
    );
  }
  const durationMs = Math.round(performance.now() - startedAt);
  await client.query(
    `insert into postkit.migration_log
       (module, name, direction, up_checksum, down_checksum, package_version, duration_ms)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      step.module,
      step.name,
      direction,
      step.upChecksum,
      step.downChecksum,
      step.packageVersion,
      durationMs,
    ],
  );
  return { module: step.module, name: step.name, direction, durationMs };
}

const detailLinesMax = 10;

/** PostgreSQL's message with its detail, which names what depends on an object that a step drops. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { detail } = error as { detail?: unknown };
  if (typeof detail !== "string") return error.message;
  const lines = detail.split("\n");
  const more = lines.length - detailLinesMax;
  const rest = more > 0 ? [`… and ${more} more`] : [];
  return [error.message, ...lines.slice(0, detailLinesMax), ...rest].join("\n");
}

async function migrationOf(client: ClientBase, step: PlannedStep["step"]): Promise<Migration> {
  // Loaded when a step runs: it takes longer to load than a whole start-up with nothing pending.
  const engine = await import("node-pg-migrate");
  const query = async (text: string) => client.query(text);
  const db = {
    query,
    select: async (text: string) => (await query(text)).rows,
    column: async (name: string, text: string) =>
      (await query(text)).rows.map((row: Record<string, unknown>) => row[name]),
  } as unknown as MigrationArguments[0];
  const options = {
    migrationsSchema: "postkit",
    migrationsTable: `${step.module}_migrations`,
    singleTransaction: true,
  } as MigrationArguments[3];
  const actions = {
    up: (builder: { sql(text: string): void }) => builder.sql(step.up),
    down: (builder: { sql(text: string): void }) => builder.sql(step.down),
  };
  return new engine.Migration(db, `${step.name}.sql`, actions, options, {}, silent);
}

type MigrationArguments = ConstructorParameters<typeof Migration>;

const ignore = (): void => {};
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
