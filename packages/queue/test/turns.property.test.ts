import { migrate } from "@postkit/core";
import { queue } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import { openSession } from "./support/session.ts";

const seed = Number(process.env["POSTKIT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const rounds = 50;

/** A tenant by its name, with the jobs it has: some that wait, some that are due, some of other queues, some for later. */
interface Tenant {
  readonly name: string;
  readonly ready: number;
  readonly due: number;
  readonly others: number;
  readonly later: number;
}

const count = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.nat(12) },
);
const anyTenants: fc.Arbitrary<Tenant[]> = fc.uniqueArray(
  fc.record({
    name: fc.integer({ min: 100, max: 400 }).map((number) => `t${number}`),
    ready: count,
    due: count,
    others: count,
    later: count,
  }),
  { maxLength: 60, selector: ({ name }) => name },
);

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await migrate(db.owner, {
    modules: [queue],
    grantTo: [{ role: db.appRole, kinds: ["app", "worker"] }],
  });
});

afterAll(() => db.drop());

it(`one worker serves all tenants in turn, a share of each, in ${rounds} random sets of them, seed ${seed}`, async () => {
  await using app = await openSession(db.app);
  await fc.assert(
    fc.asyncProperty(
      anyTenants,
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.constantFrom("t000", "t200", "t250", "t999")),
      async (tenants, limit, first) => {
        await db.super.query("truncate queue.ready, queue.deferred, queue.leases");
        for (const tenant of tenants) await fill(tenant);
        const left = new Map(tenants.map(({ name, ready, due }) => [name, ready + due]));
        for (let after: string | null = first; ;) {
          const expected = nextTurn(left, after, limit);
          const jobs: { namespace: string; id: string }[] = await app.rows("pull_global", {
            p_queues: ["q", "none"],
            p_limit: limit,
            p_after: after,
          });
          expect(jobs.map(({ namespace }) => namespace)).toEqual(expected);
          if (jobs.length === 0) break;
          after = jobs.at(-1)?.namespace ?? null;
        }
      },
    ),
    { seed, numRuns: rounds, endOnFailure: true },
  );

  async function fill({ name, ready, due, others, later }: Tenant): Promise<void> {
    await app.useTenant(name);
    const jobs = [
      ...many(ready, { queue: "q" }),
      ...many(due, { queue: "q", delay: "-1 second" }),
      ...many(others, { queue: "other" }),
      ...many(later, { queue: "q", delay: "1 hour" }),
    ];
    await app.rows("push_many", { p_namespace: name, p_jobs: JSON.stringify(jobs) });
  }
}, 300_000);

function many(size: number, job: object): object[] {
  return Array.from({ length: size }, () => ({ ...job, payload: null }));
}

/** Whose jobs are taken, one after the other, and takes them away: from the tenant after one on, and around. */
function nextTurn(left: Map<string, number>, after: string | null, limit: number): string[] {
  const share = Math.ceil(limit / 10);
  const names = [...left.keys()].sort();
  let turn = [
    ...names.filter((name) => name > (after ?? "")),
    ...names.filter((name) => name <= (after ?? "")),
  ];
  const taken: string[] = [];
  while (turn.length > 0 && taken.length < limit) {
    turn = turn.filter((name) => {
      const wanted = Math.min(share, limit - taken.length);
      const had = Math.min(wanted, left.get(name) ?? 0);
      left.set(name, (left.get(name) ?? 0) - had);
      taken.push(...Array.from({ length: had }, () => name));
      return had === wanted && had > 0;
    });
  }
  return taken;
}
