// For this repository's own tooling; the published package does not export it.
export { isAlive } from "./alive.ts";
export { spawnGuarded } from "./guard.ts";
export { unprivilegedIdentity } from "./identity.ts";
export { poll } from "./poll.ts";
export { answersPostgres, freePort } from "./port.ts";
export { stopServer } from "./stop.ts";
export { createThrowawayFolder, type ThrowawayFolder } from "./throwaway-folder.ts";
