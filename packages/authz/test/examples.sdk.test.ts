import { authz } from "@postkit/authz";
import { createPostkit, grantRole, type Postkit } from "@postkit/core";
import { createWorkshop } from "@postkit/guides";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

/** What the examples use without saying where it comes from. */
export interface World {
  readonly postkit: Postkit<{ authz: typeof authz }>;
  readonly pool: pg.Pool;
  readonly kysely: Kysely<{ docs: { id: string; tenant: string; created_at: Date } }>;
  readonly drizzle: ReturnType<typeof drizzle>;
  readonly docs: typeof docs;
  readonly console: Pick<Console, "log" | "error">;
}

const docs = pgTable("docs", { id: text().primaryKey(), tenant: text().notNull() });

const guides = ["docs/authz.md", "packages/authz/README.md"];

const workshop = createWorkshop<World>({
  testUrl: import.meta.url,
  names: ["postkit", "pool", "kysely", "drizzle", "docs", "console"],
});

describe.each(guides)("every example of %s", (guide) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ modules: [authz] });
    const { owner, ownerUrl, appUrl, appRole } = database;
    await owner.query(
      `create table docs (
         id text primary key,
         tenant text not null default 'acme',
         created_at timestamptz not null default now()
       );
       insert into docs values ('budget', 'acme', '2020-01-01'), ('roadmap', 'acme', '2020-01-02');
       grant select, insert on docs to ${appRole}`,
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
    const told = await workshop.run(guide, database.app, () => worldOn(database.app));
    expect(told).not.toEqual([]);
    expect(told).toEqual(told.map((one) => ({ ...one, given: one.said })));
  });
});

it("compiles the examples of the guides and of the docstrings", async () => {
  const compiled = workshop.compile(guides, ["packages/authz/src"]);
  await expect(compiled).resolves.toMatchObject({ stdout: "", stderr: "" });
});

function worldOn(pool: pg.Pool): World {
  return {
    postkit: createPostkit({ db: pool, namespace: "acme", modules: { authz } }),
    pool,
    kysely: new Kysely({ dialect: new PostgresDialect({ pool }) }),
    drizzle: drizzle(pool),
    docs,
    console: { log: () => {}, error: () => {} },
  };
}
