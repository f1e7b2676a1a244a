// For this repository's own tooling; the published package does not export it.
export { spawnGuarded } from "./guard.ts";
export { giveToUnprivileged, unprivilegedIdentity } from "./identity.ts";
export { answersPostgres, freePort } from "./port.ts";
export { stopServer } from "./stop.ts";
export { createThrowawayFolder, type ThrowawayFolder } from "./throwaway-folder.ts";
