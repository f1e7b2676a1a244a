import { randomBytes } from "node:crypto";
import pg from "pg";
import { Refusal } from "./refusal.ts";
import type { Server } from "./server.ts";
import type { Statement } from "./split-statements.ts";
import { lineAt, type SqlFile } from "./sql-file.ts";

/** A database that lives as long as one comparison. Its owner is what production has: neither superuser nor above row security. */
export interface Scratch {
  readonly client: pg.ClientBase;
}

const owner = "postkit_scratch_owner";

export async function withScratch<Result>(
  server: Server,
  work: (scratch: Scratch) => Promise<Result>,
): Promise<Result> {
  const database = `postkit_scratch_${randomBytes(6).toString("hex")}`;
  await administer(server, [
    createOwner,
    `create database ${database} template template0 strategy file_copy owner ${owner}`,
  ]);
  try {
    return await withClient(databaseUrl(server, database), async (client) => {
      await client.query(
        `set session authorization ${owner}; set search_path to ''; set client_min_messages to warning`,
      );
      return work({ client });
    });
  } finally {
    await administer(server, [`drop database ${database} with (force)`]);
  }
}

/** Runs a text as one implicit transaction; refuses with the place and Postgres' own words. */
export async function runSql(scratch: Scratch, file: SqlFile): Promise<void> {
  await scratch.client.query(file.text).catch((error: unknown) => {
    throw error instanceof pg.DatabaseError ? placed(error, file) : error;
  });
}

/** Runs one statement; a refusal names its place in the file it comes from. */
export async function runStatement(
  scratch: Scratch,
  { path, line, text }: Statement,
): Promise<void> {
  await runSql(scratch, { path, text: "\n".repeat(line - 1) + text });
}

/** Runs work whose effects are undone, whether it succeeds or not. */
export async function undone<Result>(
  scratch: Scratch,
  work: () => Promise<Result>,
): Promise<Result> {
  await scratch.client.query("begin");
  try {
    return await work();
  } finally {
    await scratch.client.query("rollback");
  }
}

const createOwner = `do $$
begin
  create role ${owner} nologin nosuperuser nobypassrls;
exception when duplicate_object or unique_violation then
  null;
end $$`;

async function administer(server: Server, statements: readonly string[]): Promise<void> {
  await withClient(server.url, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(server: Server, database: string): string {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  return url.href;
}

function placed(error: pg.DatabaseError, file: SqlFile): Refusal {
  const line =
    error.position === undefined ? "" : `:${lineAt(file.text, Number(error.position) - 1)}`;
  const extras = [error.detail, error.hint, error.where].filter((extra) => extra !== undefined);
  return new Refusal(
    `${file.path}${line}: ${error.message} (${error.code})`,
    ...extras.map((extra) => `  ${extra}`),
  );
}
