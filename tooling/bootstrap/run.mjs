import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";

import { root } from "./environment.mjs";

/** Runs a command in the foreground. The result is the exit code that a shell would give. */
export function run(command, args, options) {
  return start(command, args, { stdio: "inherit", ...options }).ended;
}

/** Runs a command without input and collects what it prints. `onStart` gets the child process. */
export async function capture(command, args, { onStart, ...options } = {}) {
  const { child, ended } = start(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  onStart?.(child);
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    ended,
  ]);
  return { code, stdout, stderr };
}

/** The pinned pnpm, as arguments for `run` and `capture`. npx keeps it in npm's cache. */
export function pnpm(args) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return ["npx", ["--yes", packageManager, ...args], { shell: process.platform === "win32" }];
}

/** Starts a command and passes signals on to it for as long as it runs. */
function start(command, args, options) {
  const child = spawn(command, command === process.execPath ? [...guard, ...args] : args, {
    ...options,
    env: { ...process.env, ...options.env, POSTKIT_BOOTSTRAP_PID: String(process.pid) },
  });
  const forward = (signal) => {
    // A terminal has sent Ctrl-C to the child as well, and many programs take a second one for "now, without cleaning up".
    if (signal === "SIGINT" && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  const ended = exitCodeOf(child).finally(() => {
    for (const signal of signals) process.off(signal, forward);
  });
  return { child, ended };
}

const guard = ["--import", new URL("exit-with-bootstrap.mjs", import.meta.url).href];

function exitCodeOf(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
