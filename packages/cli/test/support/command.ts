import { execFile, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { vi } from "vitest";

// A test starts several processes, one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

/** Gives a program a terminal. */
const terminal = "script";
const checkout = fileURLToPath(new URL("../../../../", import.meta.url));
const compiler = join(checkout, "node_modules/typescript/bin/tsc");

/** The command with its packages compiled, in a folder outside of the checkout, where nothing else is installed. */
export interface InstalledCommand extends AsyncDisposable {
  /** Makes an empty project in which the command can run, with some of the packages installed. */
  createProject(installed?: readonly string[]): Promise<Project>;
}

/** How a run of the command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What it wrote to stdout, which must be one JSON document. */
  readonly json: unknown;
}

export interface RunOptions {
  env?: Readonly<Record<string, string>>;
  /** @defaultValue the project's folder */
  folder?: string;
}

/** Compiles core, the command and these packages, which the projects can have installed. */
export async function installCommand(packages: readonly string[] = []): Promise<InstalledCommand> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "postkit-cli-")));
  const remove = () => rm(root, { recursive: true, force: true });
  const targets = {
    core: "node_modules/@postkit/core",
    cli: "node_modules/@postkit/cli",
    ...Object.fromEntries(packages.map((name) => [name, `packages/${name}`])),
  };
  try {
    for (const [name, target] of Object.entries(targets))
      await compilePackage(name, join(root, target));
  } catch (error) {
    await remove();
    throw error;
  }
  let projectCount = 0;
  return {
    async createProject(installed = []) {
      projectCount += 1;
      const folder = join(root, `project-${projectCount}`);
      for (const name of installed) {
        await link(join(root, "packages", name), join(folder, "node_modules/@postkit", name));
      }
      const project = new Project(folder, join(root, "node_modules/@postkit/cli/dist/bin.js"));
      await project.write("package.json", JSON.stringify({ private: true }));
      return project;
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** A package as it is published, without its types: they are checked elsewhere. */
async function compilePackage(name: string, target: string): Promise<void> {
  const source = join(checkout, "packages", name);
  const options = ["--outDir", join(target, "dist"), "--declaration", "false", "--noCheck"];
  await promisify(execFile)(process.execPath, [
    compiler,
    "-p",
    join(source, "tsconfig.build.json"),
    ...options,
  ]);
  const text = await readFile(join(source, "package.json"), "utf8");
  await writeFile(join(target, "package.json"), text);
  const { dependencies, optionalDependencies } = JSON.parse(text) as Record<
    string,
    object | undefined
  >;
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const installed = join(source, "node_modules", dependency);
    if (existsSync(installed)) await link(installed, join(target, "node_modules", dependency));
  }
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path, "junction");
}

/** Whether this machine can give the command a terminal. */
export function terminalAvailable(): boolean {
  return process.platform === "linux" && spawnSync(terminal, ["--version"]).status === 0;
}

/** A project that runs the command. */
export class Project {
  readonly folder: string;
  readonly bin: string;

  constructor(folder: string, bin: string) {
    this.folder = folder;
    this.bin = bin;
  }

  /** Runs it as a shell would, without a terminal. `DATABASE_URL` is what `env` says, and nothing by default. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return runNode([this.bin, ...args], { folder: this.folder, ...options });
  }

  /** Runs it on a terminal, where someone types `input`; what it prints comes all as stdout. */
  runOnTerminal(
    args: readonly string[],
    options: RunOptions & { input?: string } = {},
  ): Promise<Outcome> {
    const words = [process.execPath, this.bin, ...args].map((word) => `'${word}'`).join(" ");
    const typescript = ["--quiet", "--return", "--command", words, "/dev/null"];
    return runProgram(terminal, typescript, { folder: this.folder, ...options });
  }

  async write(path: string, text: string): Promise<void> {
    const file = join(this.folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** Runs the command from its sources, as `npm run postkit` does. */
export function runFromSource(args: readonly string[]): Promise<Outcome> {
  const loader = join(checkout, "node_modules/tsx/dist/loader.mjs");
  const bin = join(checkout, "packages/cli/src/bin.ts");
  return runNode(["--conditions=@postkit/source", "--import", loader, bin, ...args], {
    folder: checkout,
  });
}

function runNode(args: readonly string[], options: RunOptions): Promise<Outcome> {
  return runProgram(process.execPath, args, options);
}

async function runProgram(
  program: string,
  args: readonly string[],
  { folder, env = {}, input = "" }: RunOptions & { input?: string },
): Promise<Outcome> {
  const child = spawn(program, args, { cwd: folder, env: { ...inheritedEnvironment(), ...env } });
  child.stdin.end(input);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes: Buffer) => (output.stdout += bytes.toString("utf8")));
  child.stderr.on("data", (bytes: Buffer) => (output.stderr += bytes.toString("utf8")));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return {
    code,
    ...output,
    get json() {
      return JSON.parse(output.stdout) as unknown;
    },
  };
}

function inheritedEnvironment(): NodeJS.ProcessEnv {
  const unset = {
    DATABASE_URL: undefined,
    DEBUG: undefined,
    FORCE_COLOR: undefined,
    NODE_OPTIONS: undefined,
  };
  return { ...process.env, ...unset, NO_COLOR: "1" };
}
