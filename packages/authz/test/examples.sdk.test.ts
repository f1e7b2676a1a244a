import { execFile } from "node:child_process";
import { readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { authz } from "@postkit/authz";
import { createPostkit, grantRole, type Postkit } from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { readDocstrings, readGuide, writeExamples, type Example } from "./support/examples.ts";

/** What the examples use without saying where it comes from. */
export interface World {
  readonly postkit: Postkit<{ authz: typeof authz }>;
  readonly pool: pg.Pool;
  readonly kysely: Kysely<{ docs: { id: string; tenant: string; created_at: Date } }>;
  readonly drizzle: ReturnType<typeof drizzle>;
  readonly docs: typeof docs;
  readonly console: Pick<Console, "log" | "error">;
  readonly id: string;
}

/** Asserts what an example says behind a statement. */
export type Gives = <T>(given: T, said: NoInfer<T>) => void;

interface ExamplesModule {
  readonly examples: { line: number; run: (world: World, gives: Gives) => Promise<void> }[];
}

const docs = pgTable("docs", { id: text().primaryKey(), tenant: text().notNull() });

const root = new URL("../../../", import.meta.url);
/** Ignored by git. */
const folder = new URL("../.postkit/examples/", import.meta.url);
const sources = new URL("../src/", import.meta.url);
const guides = ["docs/authz.md", "packages/authz/README.md", "README.md", "SKILL.md"];

const world = {
  names: ["postkit", "pool", "kysely", "drizzle", "docs", "console", "id"],
  types: 'import type { Gives, World } from "../../test/examples.sdk.test.ts";',
};

const moduleOf = (name: string) => new URL(`${name.replaceAll(/\W/g, "-")}.ts`, folder);

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  for (const guide of guides) {
    await writeExamples(moduleOf(guide), await readGuide(new URL(guide, root)), world);
  }
});

describe.each(guides)("every example of %s", (guide) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ modules: [authz] });
    const { owner, ownerUrl, appUrl, appRole } = database;
    await owner.query(
      `create table orders (id text primary key);
       create table docs (
         id text primary key,
         tenant text not null default 'acme',
         created_at timestamptz not null default now()
       );
       insert into docs values ('budget', 'acme', '2020-01-01'), ('roadmap', 'acme', '2020-01-02');
       grant select, insert on docs, orders to ${appRole}`,
    );
    await grantRole(ownerUrl, { role: appRole, kinds: ["app", "maintenance"] });
    vi.stubEnv("DATABASE_URL", appUrl);
    vi.stubEnv("CRON_URL", appUrl);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await database.drop();
  });

  it("runs and gives what it says", async () => {
    const pool = database.app;
    const gives = vi.fn<(...values: unknown[]) => void>();
    const { examples } = (await import(moduleOf(guide).href)) as ExamplesModule;
    for (const example of await readGuide(new URL(guide, root))) {
      const { language, line } = example;
      const at = `${guide}:${line}`;
      const tell = (given: unknown, said: unknown) => gives(at, given, said);
      const run = examples.find((candidate) => candidate.line === line)?.run;
      const running = language === "sql" ? runSql(pool, example, tell) : run?.(worldOn(pool), tell);
      await running?.catch((cause: unknown) => {
        throw new Error(`${at}: ${String(cause)}`, { cause });
      });
    }
    const calls = gives.mock.calls;
    expect(calls).not.toEqual([]);
    expect(calls.map(([at, given]) => [at, given])).toEqual(
      calls.map(([at, , said]) => [at, said]),
    );
  });
});

describe("the examples of the guides and of the docstrings", () => {
  beforeEach(async () => {
    for (const name of await readdir(sources)) {
      const examples = await readDocstrings(new URL(name, sources));
      if (examples.length > 0) await writeExamples(moduleOf(name), examples, world);
    }
  });

  it("compile", async () => {
    const project = fileURLToPath(new URL("tsconfig.json", folder));
    const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false };
    const settings = { extends: "../../../../tsconfig.json", compilerOptions, include: ["*.ts"] };
    await writeFile(project, JSON.stringify(settings));
    const compiler = fileURLToPath(new URL("node_modules/typescript/bin/tsc", root));
    const compilation = promisify(execFile)(process.execPath, [compiler, "-p", project]);
    await expect(compilation.catch((error: unknown) => error)).resolves.toMatchObject({
      stdout: "",
      stderr: "",
    });
  });
});

function worldOn(pool: pg.Pool): World {
  return {
    postkit: createPostkit({ db: pool, namespace: "acme", modules: { authz } }),
    pool,
    kysely: new Kysely({ dialect: new PostgresDialect({ pool }) }),
    drizzle: drizzle(pool),
    docs,
    console: { log: () => {}, error: () => {} },
    id: "1",
  };
}

/** Runs the statements of a block in one session; what is said behind one, as `-- true`, is about its first column. */
async function runSql(
  pool: pg.Pool,
  { code }: Example,
  tell: (given: unknown, said: unknown) => void,
): Promise<void> {
  const session = await pool.connect();
  try {
    for (const [, statement = "", said] of code.matchAll(/(.+?;)(?: +-- ([^\n]+))?$/gms)) {
      const { rows } = await session.query<Record<string, unknown>>(statement);
      if (said !== undefined) tell(Object.values(rows[0] ?? {})[0], JSON.parse(said));
    }
  } finally {
    session.release();
  }
}
