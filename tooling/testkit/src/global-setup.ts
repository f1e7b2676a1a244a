import type { TestProject } from "vitest/node";

import { acquireServer } from "./acquire-server.ts";
import { dropDatabasesOfRun, newRunId } from "./run-databases.ts";
import "./server-context.ts";

/** One server for the whole run. Vitest reads the default export. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await acquireServer();
  const runId = newRunId();
  console.log(`Tests use PostgreSQL ${server.version} (${server.kind}).`);
  project.provide("postkitServer", { url: server.url, version: server.version, runId });
  return async () => {
    if (server.kind === "url") await dropDatabasesOfRun(server.url, runId);
    await server.stop();
  };
}
