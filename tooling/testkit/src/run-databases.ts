import { randomBytes } from "node:crypto";

import { withClient } from "./with-client.ts";

/** A name that no other run on the same server has. */
export function newRunId(): string {
  return randomBytes(4).toString("hex");
}

/** Starts the name of every database of a run. */
export function databasePrefix(runId: string): string {
  return `postkit_${runId}_`;
}

/** Drops what a run has left on a server that outlives it. */
export async function dropDatabasesOfRun(serverUrl: string, runId: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      "select datname from pg_database where starts_with(datname, $1)",
      [databasePrefix(runId)],
    );
    for (const { datname } of rows) {
      await client.query(
        `drop database if exists ${client.escapeIdentifier(datname)} with (force)`,
      );
    }
  });
}
