import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { root } from "./environment.mjs";

const lockFile = join(root, ".postkit", "install.lock");
const waitMsMax = 10 * 60_000;
const pollMs = 100;
const emptyMsMax = 5_000;

/** Runs `work` while no other bootstrap of this checkout does the same. `work` may name more processes that hold the lock. */
export async function withInstallLock(work) {
  await acquire();
  process.on("exit", release);
  try {
    return await work((pid) => writeFileSync(lockFile, `${process.pid} ${pid}`));
  } finally {
    process.off("exit", release);
    release();
  }
}

async function acquire() {
  const deadline = Date.now() + waitMsMax;
  let hasTold = false;
  while (!tryToAcquire()) {
    if (Date.now() > deadline) {
      throw new Error(
        `another install still runs after ten minutes; if it does not, delete ${lockFile}`,
      );
    }
    if (!hasTold) console.error("postkit: waiting for another install of this checkout");
    hasTold = true;
    await sleep(pollMs);
    if (isAbandoned()) release();
  }
}

function tryToAcquire() {
  mkdirSync(dirname(lockFile), { recursive: true });
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function release() {
  rmSync(lockFile, { force: true });
}

/** True when no holder is alive. The file is empty for a moment while it is written, and for good after a crash in that moment. */
function isAbandoned() {
  try {
    const holders = readFileSync(lockFile, "utf8").split(" ").filter(Boolean);
    if (holders.length === 0) return Date.now() - statSync(lockFile).mtimeMs > emptyMsMax;
    return !holders.some(isAlive);
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return error.code === "EPERM";
  }
  return !isZombie(pid);
}

/** In a container nobody may collect a dead process, and a signal still reaches it. */
function isZombie(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}
