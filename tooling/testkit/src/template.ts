import { createHash } from "node:crypto";

import type { PostkitModule } from "@postkit/core";
import type pg from "pg";

import { appRole, ensureRoles, ownerRole, urlFor } from "./roles.ts";
import { databasePrefix } from "./run-databases.ts";
import type { ServerOfRun } from "./server-context.ts";
import { withClient } from "./with-client.ts";

/** What a template can be prepared with after its modules are migrated. */
export interface TemplateUrls {
  readonly superUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/** Data or tables that many test databases start with, made once per run. */
export interface TestTemplate {
  /** Unique among the templates of a run. */
  readonly name: string;
  /** Must have closed its connections when it returns. */
  readonly prepare: (urls: TemplateUrls) => Promise<void>;
}

export interface TemplateContent {
  readonly modules: readonly PostkitModule[];
  readonly template: TestTemplate | undefined;
}

const prepared = new Map<string, Promise<string>>();

/**
 * Gives the name of a database with this content, which is made by the first who asks in a run. It takes no
 * connections, so that it can be copied at any time.
 */
export function ensureTemplate(server: ServerOfRun, content: TemplateContent): Promise<string> {
  const name = `${databasePrefix(server.runId)}template_${contentHash(content)}`;
  const ready = prepared.get(name) ?? prepareOnce(server, { name, content });
  prepared.set(name, ready);
  return ready;
}

function contentHash({ modules, template }: TemplateContent): string {
  const history = modules.map(({ name, migrations }) => [name, migrations]);
  return createHash("sha256")
    .update(JSON.stringify([history, template?.name]))
    .digest("hex")
    .slice(0, 12);
}

interface NamedContent {
  name: string;
  content: TemplateContent;
}

async function prepareOnce(server: ServerOfRun, { name, content }: NamedContent): Promise<string> {
  await withClient(server.url, async (client) => {
    await client.query("select pg_advisory_lock(hashtext('postkit test template'), hashtext($1))", [
      server.runId,
    ]);
    if (await isComplete(client, name)) return;
    await ensureRoles(client);
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name} template template0 owner ${ownerRole.name}`);
    await fill(server.url, { name, content });
    // Marks it as complete, and keeps everyone out: a copy needs a template without sessions.
    await client.query(`alter database ${name} allow_connections false`);
  });
  return name;
}

async function isComplete(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query(
    "select from pg_database where datname = $1 and not datallowconn",
    [name],
  );
  return rowCount === 1;
}

async function fill(
  serverUrl: string,
  { name, content: { modules, template } }: NamedContent,
): Promise<void> {
  const superUrl = urlFor(serverUrl, { database: name });
  const ownerUrl = urlFor(serverUrl, { database: name, role: ownerRole });
  const appUrl = urlFor(serverUrl, { database: name, role: appRole });
  if (modules.length > 0) {
    // Loaded here, so that tests of core itself can make an empty database when core is broken.
    const { migrate } = await import("@postkit/core");
    await withClient(ownerUrl, (owner) =>
      migrate(owner, { modules: [...modules], grantTo: [appRole.name] }),
    );
  }
  await template?.prepare({ superUrl, ownerUrl, appUrl });
}
