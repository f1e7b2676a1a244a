export { acquireServer, type AcquireOptions } from "./acquire-server.ts";
export { barrier, type Barrier, type BarrierOptions } from "./barrier.ts";
export {
  type Pgbouncer,
  pgbouncerAvailable,
  type PgbouncerOptions,
  startPgbouncer,
} from "./pgbouncer.ts";
export {
  type PrivateServer,
  type PrivateServerOptions,
  startPrivateServer,
} from "./private-server.ts";
export { type Proxy, type ProxyStats, startProxy } from "./proxy.ts";
export { race } from "./race.ts";
export { newRunId } from "./run-databases.ts";
export type { AcquiredServer, ServerKind, TestServer } from "./server.ts";
export { type ServerOfRun, serverOfRun } from "./server-context.ts";
export type { TemplateUrls, TestTemplate } from "./template.ts";
export {
  createTestDatabase,
  type TestDatabase,
  type TestDatabaseOptions,
} from "./test-database.ts";
export { waitFor, type WaitOptions } from "./wait-for.ts";
export { withClient } from "./with-client.ts";
