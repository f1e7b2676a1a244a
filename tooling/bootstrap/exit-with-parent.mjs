/** Ends this process when its parent is gone, so that a killed `npm test` leaves nothing running. */
export function exitWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
  }, 500);
  timer.unref();
}
