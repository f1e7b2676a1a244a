import { resolve } from "node:path";

import { readCredentials } from "./credentials.ts";
import { dataDirectoryMajor } from "./data-directory.ts";
import { answersPostgres } from "./port.ts";
import { type PostmasterPid, readLivingPostmaster } from "./postmaster-pid.ts";

/** A server that accepts connections. */
export interface RunningServer {
  /** For the superuser `postgres` and its database of the same name. */
  readonly url: string;
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** Major version. */
  readonly version: number;
  readonly pid: number;
}

/**
 * Finds the server that runs on a data directory, whoever has started it; undefined when none accepts connections.
 *
 * @example
 * const server = await find(".postkit/pg18");
 * console.log(server ? server.url : "not running");
 */
export async function find(dataDir: string): Promise<RunningServer | undefined> {
  const absolute = resolve(dataDir);
  const postmaster = await readLivingPostmaster(absolute);
  if (!postmaster || !acceptsConnections(postmaster) || !(await answersPostgres(postmaster.port)))
    return undefined;
  return describeServer(absolute, postmaster);
}

export function acceptsConnections({ status }: PostmasterPid): boolean {
  return status === "ready" || status === "standby";
}

export async function describeServer(
  dataDir: string,
  { pid, port }: PostmasterPid,
): Promise<RunningServer> {
  const { password } = await readCredentials(dataDir);
  const login = password === undefined ? "postgres" : `postgres:${encodeURIComponent(password)}`;
  return {
    url: `postgres://${login}@127.0.0.1:${port}/postgres`,
    port,
    dataDir,
    version: (await dataDirectoryMajor(dataDir)) ?? 0,
    pid,
  };
}
