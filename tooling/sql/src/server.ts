import pg from "pg";
import { Refusal } from "./refusal.ts";

/** The one major version whose catalogs are compared. */
const serverMajor = 18;

/** A running server and a superuser's URL of it. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a throw-away server, or uses the one at `url`, which stays running. */
export async function openServer(url: string | undefined): Promise<Server> {
  if (url === undefined) {
    const { start } = await import("@postkit/embedded");
    return start({ version: serverMajor });
  }
  await refuseOtherMajor(url);
  return { url, stop: async () => {} };
}

async function refuseOtherMajor(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ version: string }>(
    "select current_setting('server_version_num') as version",
  );
  await client.end();
  const major = Math.floor(Number(rows[0]?.version) / 10_000);
  if (major !== serverMajor)
    throw new Refusal(`--server must be a PostgreSQL ${serverMajor}, not ${major}`);
}
