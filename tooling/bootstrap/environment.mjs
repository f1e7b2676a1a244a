import { fileURLToPath } from "node:url";

/** The checkout's folder, without a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

export const isCi = Boolean(process.env.CI) && process.env.CI !== "false";

// `npm run` hands its own state to the script. A second npm or pnpm would take that for the user's wish and warn about
// each name it does not know. What tells where packages come from and are kept is the user's, and stays.
const fromNpm = /^npm_(config|lifecycle|package)_/i;
const fromUser =
  /^npm_config_(registry|cache|store_dir|userconfig|globalconfig|https?_proxy|proxy|noproxy|ca|cafile|strict_ssl|offline|prefer_offline)$/i;

export function cleanEnvironment() {
  for (const [name, value] of Object.entries(process.env)) {
    if (fromNpm.test(name) && (value === "" || !fromUser.test(name))) delete process.env[name];
  }
  process.env.DO_NOT_TRACK = "1";
  process.env.TURBO_TELEMETRY_DISABLED = "1";
  process.env.TURBO_NO_UPDATE_NOTIFIER = "1";
}
