import { start } from "@postkit/embedded";
import pg from "pg";

export interface DemoDatabase extends AsyncDisposable {
  /** Connects as the role that owns the schemas. */
  readonly ownerUrl: string;
  /** Connects as the role an application has: it owns nothing and row level security binds it. */
  readonly appUrl: string;
  readonly appRole: string;
  /** What the server calls itself. */
  readonly version: string;
}

/** A throw-away PostgreSQL with an owner and an application role, or the database that was asked for. */
export async function openDemoDatabase(databaseUrl: string | undefined): Promise<DemoDatabase> {
  if (databaseUrl !== undefined) return givenDatabase(databaseUrl);
  const server = await start();
  await withClient(server.url, async (client) => {
    await client.query("create role demo_owner login");
    await client.query("create role demo_app login");
    await client.query("create database demo owner demo_owner");
  });
  const ownerUrl = urlFor(server.url, "demo_owner");
  return {
    ownerUrl,
    appUrl: urlFor(server.url, "demo_app"),
    appRole: "demo_app",
    version: await versionOf(ownerUrl),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** One role does everything here, since a given database may not let us make another. */
async function givenDatabase(databaseUrl: string): Promise<DemoDatabase> {
  const appRole = await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ role: string }>("select current_user as role");
    return rows[0]?.role ?? "";
  });
  return {
    ownerUrl: databaseUrl,
    appUrl: databaseUrl,
    appRole,
    version: await versionOf(databaseUrl),
    [Symbol.asyncDispose]: async () => {},
  };
}

function urlFor(serverUrl: string, role: string): string {
  const url = new URL(serverUrl);
  url.username = role;
  url.password = "";
  url.pathname = "/demo";
  return url.href;
}

async function versionOf(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ version: string }>(
      "select split_part(current_setting('server_version'), ' ', 1) as version",
    );
    return rows[0]?.version ?? "";
  });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
