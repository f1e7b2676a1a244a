import { readFileSync } from "node:fs";

const pollMs = 500;

/** Ends this process when the one that started it is gone, so that a killed `npm test` leaves nothing running. */
export function exitWithParent() {
  const starter = currentStarter();
  const timer = setInterval(() => {
    if (currentStarter() !== starter) process.kill(process.pid, "SIGTERM");
  }, pollMs);
  timer.unref();
}

/** The parent's id, or that of npm when npm's `sh -c` stands between, which outlives it. */
function currentStarter() {
  try {
    const isShellOfNpm = readFileSync(`/proc/${process.ppid}/cmdline`, "utf8").startsWith(
      "sh\0-c\0",
    );
    if (isShellOfNpm)
      return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${process.ppid}/stat`, "utf8"))[1]);
  } catch {
    // Not Linux, or the parent ended just now.
  }
  return process.ppid;
}
