import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where downloaded binaries are kept: `POSTKIT_CACHE_DIR`, else the `postkit` folder in the user's cache. */
export function cacheDir(): string {
  if (process.env.POSTKIT_CACHE_DIR) return resolve(process.env.POSTKIT_CACHE_DIR);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "postkit");
}
