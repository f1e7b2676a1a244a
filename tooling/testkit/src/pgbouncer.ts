import { existsSync } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import {
  answersPostgres,
  freePort,
  giveToUnprivileged,
  spawnGuarded,
  unprivilegedIdentity,
} from "@postkit/embedded/internal";

import { appRole, ownerRole, type TestRole } from "./roles.ts";
import { waitFor } from "./wait-for.ts";

export interface PgbouncerOptions {
  /** Server connections for each pair of user and database. @defaultValue 4 */
  poolSize?: number;
  /** More lines for the `[pgbouncer]` section, or other values. */
  settings?: Readonly<Record<string, string | number>>;
}

/** A pooler in transaction mode. */
export interface Pgbouncer extends AsyncDisposable {
  readonly port: number;
  /** The URL of a database through the pooler. @defaultValue user: the application role */
  url(database: string, user?: string): string;
  stop(): Promise<void>;
}

/** Whether there is a `pgbouncer` on this machine. */
export function pgbouncerAvailable(): boolean {
  return findPgbouncer() !== undefined;
}

/**
 * Starts a pooler on 127.0.0.1 in front of a server. It knows the test roles and the role of the URL, and asks nobody
 * for a password.
 */
export async function startPgbouncer(
  targetUrl: string,
  options: PgbouncerOptions = {},
): Promise<Pgbouncer> {
  const command = findPgbouncer();
  if (!command)
    throw new Error("There is no pgbouncer on the PATH. Ask pgbouncerAvailable() first.");
  const target = new URL(targetUrl);
  const users = [ownerRole, appRole, roleOf(target)];
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "postkit-pgbouncer-"));
  const configFile = await writeConfig({ folder, target, users, port, options });

  const log = await open(join(folder, "log"), "w");
  const { child } = spawnGuarded({
    command,
    args: [configFile],
    identity: unprivilegedIdentity(),
    // It has nothing to lose, and what its other signals mean has changed between versions.
    signal: "KILL",
    output: log.fd,
    env: process.env,
  });
  await log.close();
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    child.stdin?.end();
    await waitFor(ended, { what: "pgbouncer to end" });
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitFor(() => answersPostgres(port), { what: `pgbouncer to answer; see ${folder}` });
  } catch (error) {
    child.stdin?.end();
    throw error;
  }
  return {
    port,
    url: (database, user = appRole.name) => poolerUrl({ port, database, user }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function findPgbouncer(): string | undefined {
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/bin",
  ];
  return folders.map((folder) => join(folder, "pgbouncer")).find((path) => existsSync(path));
}

function roleOf(url: URL): TestRole {
  return { name: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

function poolerUrl({
  port,
  database,
  user,
}: {
  port: number;
  database: string;
  user: string;
}): string {
  return `postgres://${encodeURIComponent(user)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

interface Config {
  folder: string;
  target: URL;
  users: readonly TestRole[];
  port: number;
  options: PgbouncerOptions;
}

async function writeConfig({ folder, target, users, port, options }: Config): Promise<string> {
  const usersFile = join(folder, "users.txt");
  await writeFile(
    usersFile,
    users.map(({ name, password }) => `"${name}" "${password}"\n`).join(""),
  );
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    pool_mode: "transaction",
    default_pool_size: options.poolSize ?? 4,
    max_client_conn: 500,
    auth_type: "trust",
    auth_file: usersFile,
    ignore_startup_parameters: "extra_float_digits",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const databases = `* = host=${target.hostname} port=${target.port || 5432}`;
  const configFile = join(folder, "pgbouncer.ini");
  await writeFile(configFile, `[databases]\n${databases}\n[pgbouncer]\n${lines.join("\n")}\n`);
  for (const path of [folder, usersFile, configFile]) await giveToUnprivileged(path);
  return configFile;
}
