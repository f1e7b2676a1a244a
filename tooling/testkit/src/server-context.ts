import type { TestServer } from "./server.ts";

/** What the global set-up hands to every test file. */
export interface ServerOfRun extends TestServer {
  /** Part of the name of every database this run makes. */
  readonly runId: string;
}

declare module "vitest" {
  interface ProvidedContext {
    postkitServer: ServerOfRun;
  }
}

/** The server of this test run. */
export async function serverOfRun(): Promise<ServerOfRun> {
  // Loaded here, so that the rest of the kit also works in programs that are no tests.
  const { inject } = await import("vitest");
  return inject("postkitServer");
}
