import { authz } from "@postkit/authz";
import { createPostkit } from "@postkit/core";
import {
  createTestDatabase,
  pgbouncerAvailable,
  race,
  startPgbouncer,
  type TestDatabase,
} from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { as, probe, whoami } from "./support/probe.ts";

const calls = 200;
const tenants = 25;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe, authz] });
});
afterAll(() => db.drop());

/** Every tenant has one note, which names it. */
async function expectNoForeignAnswer(url: string): Promise<void> {
  await using postkit = createPostkit({
    connectionString: url,
    pool: { max: 4 },
    modules: { probe, authz },
  });
  const tenantOf = (index: number) => `tenant-${index % tenants}`;
  for (let index = 0; index < tenants; index += 1) {
    const tenant = postkit.withNamespace(tenantOf(index));
    await tenant.probe.value("probe.add_note", { p_id: "note", p_body: tenantOf(index) }, as());
    await tenant.authz.grant("read", { resource: "doc:1", subject: `user:${tenantOf(index)}` });
  }

  const results = await race(calls, async (index) => {
    const name = tenantOf(index);
    const acts = index % 3 === 0;
    const tenant = acts
      ? postkit.withNamespace(name).withActor({ actorId: `actor-${index}` })
      : postkit.withNamespace(name);
    const look = async ({
      probe: caller,
      authz: permissions,
    }: Pick<typeof postkit, "probe" | "authz">) => ({
      told: await whoami(caller),
      notes: await caller.rows("probe.list_notes", {}, as<{ namespace: string; body: string }>()),
      own: await permissions.check(`user:${name}`, "read", "doc:1"),
      foreign: await permissions.check(`user:${tenantOf(index + 1)}`, "read", "doc:1"),
    });
    const answer = index % 2 === 0 ? await look(tenant) : await tenant.transaction(look);
    return { name, actor: acts ? `actor-${index}` : null, answer };
  });

  const answers = results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
  for (const { name, actor, answer } of answers) {
    expect(answer.told).toMatchObject({ nameSpace: name, tenantId: name, actorId: actor });
    expect(answer.notes).toEqual([{ namespace: name, id: "note", body: name }]);
    expect([answer.own, answer.foreign]).toEqual([true, false]);
  }
  const backends = new Set(answers.map(({ answer }) => answer.told.backendPid));
  expect(backends.size).toBeLessThanOrEqual(4);
}

const forgetNotes = async () => {
  await db.super.query("delete from probe.notes; delete from authz.tuples");
};

describe("two hundred concurrent calls of many tenants on four connections", () => {
  it("each get their own tenant's answer", async () => {
    await forgetNotes();
    await expectNoForeignAnswer(db.appUrl);
  });

  it.skipIf(!pgbouncerAvailable())(
    "each get their own through a pooler in transaction mode",
    async () => {
      await forgetNotes();
      await using pooler = await startPgbouncer(db.superUrl, { poolSize: 4 });
      await expectNoForeignAnswer(pooler.url(db.name, db.appRole));
      // Nothing is left on the pooler's own connections for whoever comes next.
      const client = new pg.Client({ connectionString: pooler.url(db.name, db.appRole) });
      await client.connect();
      try {
        for (let look = 0; look < 8; look += 1) {
          const { rows } = await client.query(
            "select coalesce(current_setting('postkit.tenant_id', true), '') || coalesce(current_setting('postkit.actor_id', true), '') as left",
          );
          expect(rows).toEqual([{ left: "" }]);
        }
      } finally {
        await client.end();
      }
    },
  );
});
