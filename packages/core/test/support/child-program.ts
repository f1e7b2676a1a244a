import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

import type { PostkitModule } from "@postkit/core";

const corePackage = fileURLToPath(new URL("../..", import.meta.url));
const compiler = fileURLToPath(
  new URL("../../../../node_modules/typescript/bin/tsc", import.meta.url),
);

/** Core as JavaScript in a folder of its own, so that twenty processes can start at once on two cores. */
export interface CompiledCore extends AsyncDisposable {
  /** Starts a Node process that migrates and prints the names of the steps it applied as JSON. */
  migrate(url: string, module: PostkitModule): MigratingProcess;
}

export interface MigratingProcess {
  readonly process: ChildProcess;
  /** How it ended. */
  readonly ended: Promise<{ code: number | null; applied: string[]; errors: string }>;
  kill(): Promise<void>;
}

export async function compileCore(): Promise<CompiledCore> {
  // Below the package, so that its dependencies are found.
  const parent = join(corePackage, "node_modules/.postkit");
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "compiled-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await compileInto(folder);
  } catch (error) {
    await remove();
    throw error;
  }
  const program = join(folder, "migrate-once.mjs");
  await writeFile(program, source);
  return {
    migrate: (url, module) => startProcess([program, url, JSON.stringify(module)]),
    [Symbol.asyncDispose]: remove,
  };
}

function compileInto(folder: string): Promise<unknown> {
  const project = join(corePackage, "tsconfig.build.json");
  const args = [compiler, "-p", project, "--outDir", folder, "--declaration", "false"];
  return promisify(execFile)(process.execPath, args);
}

const source = `
import { migrate } from "./index.js";
const [, , url, text] = process.argv;
const module = JSON.parse(text);
module.migrationsUrl = new URL(${JSON.stringify(pathToFileURL("/nonexistent/postkit/").href)});
const { steps } = await migrate(url, { modules: [module] });
console.log(JSON.stringify(steps.map(({ name }) => name)));
`;

function startProcess(args: string[]): MigratingProcess {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes: Buffer) => (output.stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (output.stderr += bytes.toString()));
  const ended = once(child, "close").then(([code]) => ({
    code: code as number | null,
    applied: output.stdout === "" ? [] : (JSON.parse(output.stdout) as string[]),
    errors: output.stderr,
  }));
  return {
    process: child,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
