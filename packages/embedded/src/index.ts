export * from "./errors.ts";
export { find, type RunningServer } from "./find.ts";
export type { ServerSettings } from "./launch.ts";
export { type EmbeddedServer, start, type StartOptions } from "./start.ts";
export { stop } from "./stop.ts";
export type { PostgresVersion } from "./versions.ts";
