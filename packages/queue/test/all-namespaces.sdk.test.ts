import { createPostkit, migrate, type Postkit } from "@postkit/core";
import { queue } from "@postkit/queue";
import { barrier, createTestDatabase, waitFor, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let db: TestDatabase;
let postkit: Postkit<{ queue: typeof queue }>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  await migrate(db.owner, {
    modules: [queue],
    grantTo: [{ role: db.appRole, kinds: ["app", "worker"] }],
  });
  postkit = createPostkit({ connectionString: db.appUrl, modules: { queue } });
});

afterAll(async () => {
  await postkit.close();
  await db.drop();
});

describe("a worker of all tenants", () => {
  it("runs each tenant's jobs, with a client bound to the tenant", async () => {
    await postkit.withNamespace("acme").queue.push("email", 1);
    await postkit.withNamespace("globex").queue.push("email", 2);
    const seen: unknown[][] = [];
    await using worker = postkit.queue.work(
      "email",
      async (job, context) => {
        const { queue: client } = context.postkit as unknown as typeof postkit;
        const known = await client.getJob(job.id);
        seen.push([job.namespace, job.payload, context.postkit.namespace, known?.lockedBy]);
      },
      { allNamespaces: true },
    );
    await waitFor(() => seen.length === 2);
    expect(seen.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      ["acme", 1, "acme", worker.id],
      ["globex", 2, "globex", worker.id],
    ]);
  });

  it("is woken by a push of any tenant, and settles failures where they belong", async () => {
    const seen: string[] = [];
    const dead: string[] = [];
    await using worker = postkit.queue.work(
      "failing",
      ({ namespace }) => {
        seen.push(namespace);
        throw new Error("no");
      },
      {
        allNamespaces: true,
        pollIntervalMs: 3_600_000,
        onDead: ({ namespace }) => dead.push(namespace),
      },
    );
    await worker.ready;
    for (const namespace of ["acme", "globex"]) {
      const { queue: client } = postkit.withNamespace(namespace);
      await client.push("failing", {}, { maxAttempts: 1 });
      await waitFor(async () => (await client.listDeadLetters({ queue: "failing" })).length === 1);
    }
    expect(seen).toEqual(["acme", "globex"]);
    await waitFor(() => dead.length === 2);
    expect(dead).toEqual(["acme", "globex"]);
  });

  it("tells of what it settled for one tenant when another's cannot be settled", async () => {
    await db.super.query(`
      create function public.refuse() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
      create trigger refuse before delete on queue.leases
        for each row when (old.namespace = 'globex' and old.queue = 'settled') execute function public.refuse()`);
    const [dead, errors]: [string[], unknown[]] = [[], []];
    const both = barrier(2);
    for (const namespace of ["acme", "globex"]) {
      await postkit.withNamespace(namespace).queue.push("settled", {}, { maxAttempts: 1 });
    }
    await using _worker = postkit.queue.work(
      "settled",
      async ({ namespace }) => {
        await both.arrive();
        throw new Error(namespace);
      },
      {
        allNamespaces: true,
        onDead: ({ namespace }) => dead.push(namespace),
        onError: (error) => errors.push(String(error)),
      },
    );
    await waitFor(() => errors.some((error) => /not now/.test(String(error))));
    expect(dead).toEqual(["acme"]);
    await db.super.query("drop trigger refuse on queue.leases; drop function public.refuse()");
  });

  it("runs a transactional handler in the tenant of its job", async () => {
    const { queue: client } = postkit.withNamespace("acme");
    await client.push("first", {});
    await using _worker = postkit.queue.work(
      "first",
      async (_job, context) => {
        await (context.postkit as unknown as typeof postkit).queue.push("second", {});
      },
      { allNamespaces: true, transactional: true },
    );
    await waitFor(async () => (await client.listJobs({ queue: "second" })).length === 1);
    expect(await client.listJobs({ queue: "first" })).toEqual([]);
  });

  it("gives every tenant a share of what is taken", async () => {
    for (const namespace of ["large", "small"]) {
      const jobs = Array.from({ length: namespace === "large" ? 100 : 3 }, () => ({}));
      await postkit.withNamespace(namespace).queue.pushBatch("shared", jobs);
    }
    const { rows } = await db.app.query<{ namespace: string }>(
      "select namespace from queue.pull_global(array['shared'], 20)",
    );
    expect(rows.filter(({ namespace }) => namespace === "small")).toHaveLength(3);
    expect(rows).toHaveLength(20);
  });

  it("is refused to a role without the grant for workers", async () => {
    const { rows } = await db.super.query<{ may: boolean }>(
      "select has_function_privilege('public', 'queue.pull_global(text[], int, text, interval, text)', 'execute') as may",
    );
    expect(rows).toEqual([{ may: false }]);
  });
});
