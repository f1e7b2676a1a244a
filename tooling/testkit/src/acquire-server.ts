import { type PostgresVersion, start } from "@postkit/embedded";
import pg from "pg";

import { startContainer } from "./container.ts";
import { dockerAnswers } from "./docker-ping.ts";
import { type AcquiredServer, type ServerKind, testSettings } from "./server.ts";

const supportedVersions: readonly PostgresVersion[] = [14, 15, 16, 17, 18];

export interface AcquireOptions {
  /** Major version; a server given by URL keeps its own. @defaultValue `POSTKIT_TEST_PG_VERSION`, else 18 */
  version?: PostgresVersion;
  /** Settings of an embedded server. @defaultValue what tests need, statistics of statements among it */
  settings?: Readonly<Record<string, string | number>>;
  /** Wants commits on disk: an embedded server in place of a container, whose data are in memory. @defaultValue false */
  durable?: boolean;
}

/**
 * Gives a server for tests: the one of `POSTKIT_TEST_DATABASE_URL`, else a container when a Docker engine answers, else
 * an embedded one. `POSTKIT_TEST_PG=url|docker|embedded` insists on one of them. `DATABASE_URL` is never read.
 */
export async function acquireServer(options: AcquireOptions = {}): Promise<AcquiredServer> {
  const version = options.version ?? versionFromEnvironment();
  const insisted = kindFromEnvironment();
  const url = process.env.POSTKIT_TEST_DATABASE_URL;
  if (insisted === "url" || (insisted === undefined && url)) return useUrl(url);
  if (insisted === "docker") return ownServer("docker", await startContainer(version));
  const { durable = false } = options;
  if (insisted === undefined && !durable && (await dockerAnswers())) {
    const container = await startContainer(version).catch(warnAboutContainer);
    if (container) return ownServer("docker", container);
  }
  return ownServer(
    "embedded",
    await start({ version, durable, settings: options.settings ?? testSettings }),
  );
}

function versionFromEnvironment(): PostgresVersion {
  const text = process.env.POSTKIT_TEST_PG_VERSION || "18";
  const version = supportedVersions.find((supported) => String(supported) === text);
  if (version) return version;
  throw new Error(
    `POSTKIT_TEST_PG_VERSION is "${text}"; it must be one of ${supportedVersions.join(", ")}.`,
  );
}

function kindFromEnvironment(): ServerKind | undefined {
  const kind = process.env.POSTKIT_TEST_PG;
  if (!kind) return undefined;
  if (kind === "url" || kind === "docker" || kind === "embedded") return kind;
  throw new Error(`POSTKIT_TEST_PG is "${kind}"; it must be url, docker or embedded.`);
}

async function useUrl(url: string | undefined): Promise<AcquiredServer> {
  if (!url) throw new Error("POSTKIT_TEST_PG=url needs POSTKIT_TEST_DATABASE_URL.");
  return ownServer("url", { url, version: await versionOf(url), stop: async () => {} });
}

async function versionOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: number }>(
      "select current_setting('server_version_num')::int / 10000 as version",
    );
    return rows[0]?.version ?? 0;
  } finally {
    await client.end();
  }
}

function warnAboutContainer(error: unknown): undefined {
  process.emitWarning(
    `The Docker engine gave no PostgreSQL, so an embedded one is used: ${String(error)}`,
  );
  return undefined;
}

interface StartedServer {
  url: string;
  version: number;
  stop(): Promise<void>;
}

function ownServer(kind: ServerKind, { url, version, stop }: StartedServer): AcquiredServer {
  return { kind, url, version, stop, [Symbol.asyncDispose]: stop };
}
