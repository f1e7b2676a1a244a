import { authz } from "@postkit/authz";
import { createPostkit, grantRole, type Postkit } from "@postkit/core";
import { createWorkshop } from "@postkit/guides";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

/** What the examples use without saying where it comes from. */
export interface World {
  readonly postkit: Postkit<{ authz: typeof authz; queue: typeof queue }>;
  readonly pool: pg.Pool;
  readonly send: (mail: unknown, options?: { signal?: AbortSignal }) => Promise<{ status: number }>;
  readonly console: Pick<Console, "log" | "error">;
  readonly id: string;
}

/** Those of single modules are run by the modules' own tests. */
const guides = ["README.md", "SKILL.md"];

const workshop = createWorkshop<World>({
  testUrl: import.meta.url,
  names: ["postkit", "pool", "send", "console", "id"],
});

describe.each(guides)("every example of %s", (guide) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ modules: [authz, queue] });
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
    await grantRole(ownerUrl, { role: appRole, kinds: ["app", "worker", "maintenance"] });
    vi.stubEnv("DATABASE_URL", appUrl);
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

it("compiles the examples", async () => {
  await expect(workshop.compile(guides, [])).resolves.toMatchObject({ stdout: "", stderr: "" });
});

function worldOn(pool: pg.Pool): World {
  return {
    postkit: createPostkit({ db: pool, namespace: "acme", modules: { authz, queue } }),
    pool,
    send: async () => ({ status: 200 }),
    console: { log: () => {}, error: () => {} },
    id: "1",
  };
}
