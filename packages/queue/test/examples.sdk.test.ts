import { createPostkit, grantRole, type Postkit } from "@postkit/core";
import { createWorkshop } from "@postkit/guides";
import { defineQueue, isFenceStale, queue, type PulledJob, type TypedQueue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";

/** What the examples use without saying where it comes from. */
export interface World {
  readonly postkit: Postkit<{ queue: typeof queue }>;
  readonly pool: pg.Pool;
  readonly send: (mail: unknown, options?: { signal?: AbortSignal }) => Promise<{ status: number }>;
  readonly emails: TypedQueue<{ to: string }, { to: string }>;
  readonly job: PulledJob;
  readonly id: string;
  readonly defineQueue: typeof defineQueue;
  readonly isFenceStale: typeof isFenceStale;
  readonly z: typeof z;
  readonly console: Pick<Console, "log" | "error">;
}

const guides = ["docs/queue.md", "packages/queue/README.md"];

const workshop = createWorkshop<World>({
  testUrl: import.meta.url,
  names: [
    "postkit",
    "pool",
    "send",
    "emails",
    "job",
    "id",
    "defineQueue",
    "isFenceStale",
    "z",
    "console",
  ],
});

describe.each(guides)("every example of %s", (guide) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ modules: [queue] });
    const { owner, ownerUrl, appUrl, appRole } = database;
    await owner.query(
      `create table orders (id text primary key, sent_at timestamptz);
       grant select, insert, update on orders to ${appRole}`,
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

it("compiles the examples of the guides and of the docstrings", async () => {
  const compiled = workshop.compile(guides, ["packages/queue/src"]);
  await expect(compiled).resolves.toMatchObject({ stdout: "", stderr: "" });
});

function worldOn(pool: pg.Pool): World {
  return {
    postkit: createPostkit({ db: pool, namespace: "acme", modules: { queue } }),
    pool,
    send: async () => ({ status: 200 }),
    emails: defineQueue({ name: "email", payload: z.object({ to: z.string() }) }),
    // Only examples that are compiled and not run have it without pulling it.
    job: {} as PulledJob,
    id: "1",
    defineQueue,
    isFenceStale,
    z,
    console: { log: () => {}, error: () => {} },
  };
}
