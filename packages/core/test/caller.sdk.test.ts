import {
  createPostkit,
  type Caller,
  type Handle,
  type PostkitModule,
  type Transaction,
} from "@postkit/core";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { fixtureModule } from "./support/fixture-module.ts";
import { as, probe, whoami } from "./support/probe.ts";

interface Errands {
  readonly caller: Caller;
  /** Runs the application's code for a tenant in a transaction of the module's. */
  run<T>(namespace: string, work: (tx: Tx) => Promise<T>): Promise<T>;
}

/** A module does not know with which others it is used; the application does. */
const known = (handle: Handle) => handle as unknown as Tx;

/** A module that runs code of the application, as one of background work does. */
const errands: PostkitModule<Errands> = {
  ...fixtureModule("errands", { steps: [] }),
  client: (caller) => ({
    caller,
    run: (namespace, work) =>
      caller.withNamespace(namespace).transaction(({ handle }) => work(known(handle))),
  }),
  transactionClient: undefined,
};
const modules = { probe, errands };
type Tx = Transaction<{ probe: typeof probe; errands: typeof errands }>;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ modules: [probe] });
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.super.query("truncate probe.notes");
});

const open = () => createPostkit({ db: db.app, namespace: "acme", modules });
const addNote = ({ probe: caller }: Tx, id: string) =>
  caller.value("probe.add_note", { p_id: id }, as<string>());
const notes = async () => {
  const { rows } = await db.super.query<{ line: string }>(
    "select format('%s %s', namespace, id) as line from probe.notes order by 1",
  );
  return rows.map(({ line }) => line);
};

describe("the handle of a caller", () => {
  it("is the one that the module's client sits on", async () => {
    const postkit = open();
    expect(postkit.errands.caller.handle).toBe(postkit);
    await postkit.transaction(async (tx) => {
      expect(tx.errands.caller.handle).toBe(tx);
      await tx.transaction(async (inner) => {
        expect(inner.errands.caller.handle).toBe(inner);
      });
    });
    const joined = postkit.on({ query: async () => ({ rows: [] }) });
    expect(joined.errands.caller.handle).toBe(joined);
  });

  it("is bound to the tenant and the settings of the caller, and stays the same", async () => {
    const { caller } = open().withActor({ actorId: "user:alice" }).errands;
    const globex = caller.withNamespace("globex").withSettings({ colour: "red" });
    expect(globex.handle.namespace).toBe("globex");
    expect(globex.handle).toBe(globex.handle);
    expect(await whoami(known(globex.handle).probe)).toMatchObject({
      tenantId: "globex",
      actorId: "user:alice",
      colour: "red",
    });
    expect(await whoami(known(caller.handle).probe)).toMatchObject({
      tenantId: "acme",
      colour: null,
    });
  });
});

describe("a caller for another tenant", () => {
  it("calls for that tenant with the same actor, on the same transaction", async () => {
    const postkit = open().withActor({ actorId: "user:alice" });
    const globex = postkit.errands.caller.withNamespace("globex");
    expect(globex.namespace).toBe("globex");
    expect(await whoami(globex)).toMatchObject({ tenantId: "globex", actorId: "user:alice" });
    await postkit.transaction(async (tx) => {
      const inside = await whoami(tx.errands.caller.withNamespace("globex"));
      expect(inside).toMatchObject({ tenantId: "globex", actorId: "user:alice" });
      expect(inside.backendPid).toBe((await whoami(tx.probe)).backendPid);
    });
  });

  it("is refused without a tenant", () => {
    expect(() => open().errands.caller.withNamespace(undefined as never)).toThrow(
      expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" }),
    );
  });
});

describe("a caller apart", () => {
  const crowded = () => new pg.Pool({ connectionString: db.appUrl, max: 1 });

  it("calls while all connections of the pool are taken, in the same context", async () => {
    const pool = crowded();
    const { caller } = createPostkit({ db: pool, namespace: "acme", modules }).withActor({
      actorId: "user:alice",
    }).errands;
    const apart = caller.apart(1);
    const taken = await pool.connect();
    const connected: unknown[] = [];
    pool.on("connect", (client) => connected.push(client));
    expect(await whoami(apart.caller)).toMatchObject({ tenantId: "acme", actorId: "user:alice" });
    expect(await whoami(apart.caller.withNamespace("globex"))).toMatchObject({
      tenantId: "globex",
    });
    // What the application does with every new connection is done with these.
    expect(connected).toHaveLength(1);
    taken.release();
    await apart.close();
    await apart.close();
    await expect(whoami(apart.caller)).rejects.toMatchObject({ code: "BIZ_HANDLE_CLOSED" });
    expect(await whoami(caller)).toMatchObject({ tenantId: "acme" });
    await pool.end();
  });

  it("ends with its handle, while a pool of the application goes on", async () => {
    const pool = crowded();
    const postkit = createPostkit({ db: pool, namespace: "acme", modules });
    const { caller } = postkit.errands.caller.apart(1);
    await whoami(caller);
    await postkit.close();
    await expect(whoami(caller)).rejects.toMatchObject({ code: "BIZ_HANDLE_CLOSED" });
    await pool.query("select 1");
    await pool.end();
  });

  it("is not to be had in a transaction", async () => {
    await open().transaction(async (tx) => {
      expect(() => tx.errands.caller.apart(1)).toThrow(
        expect.objectContaining({ module: "core", code: "VAL_ARGUMENT" }),
      );
    });
  });
});

describe("a transaction of a caller", () => {
  it("gives the application's code the clients of all modules and its own statements, for the caller's tenant", async () => {
    const result = await open()
      .withActor({ actorId: "user:alice" })
      .errands.run("globex", async (tx) => {
        await addNote(tx, "1");
        const { rows } = await tx.query<{ pid: number }>("select pg_backend_pid() as pid");
        expect(await whoami(tx.probe)).toMatchObject({
          tenantId: "globex",
          actorId: "user:alice",
          backendPid: rows[0]?.pid,
        });
        expect(await notes()).toEqual([]);
        return "done";
      });
    expect(result).toBe("done");
    expect(await notes()).toEqual(["globex 1"]);
  });

  it("rolls back when the code throws, and throws that very error", async () => {
    const mine = new Error("no thanks");
    const thrown: unknown = await open()
      .errands.run("acme", async (tx) => {
        await addNote(tx, "1");
        throw mine;
      })
      .catch((error: unknown) => error);
    expect(thrown).toBe(mine);
    expect(await notes()).toEqual([]);
  });

  it("lets the module's own calls and the code share it", async () => {
    await open().errands.caller.transaction(async (caller) => {
      await caller.value("probe.add_note", { p_id: "of the module" }, as());
      await addNote(known(caller.handle), "of the code");
      expect((await whoami(caller)).backendPid).toBe(
        (await whoami(known(caller.handle).probe)).backendPid,
      );
      expect(await notes()).toEqual([]);
    });
    expect(await notes()).toEqual(["acme of the code", "acme of the module"]);
  });

  it("takes the options of a transaction", async () => {
    let attempts = 0;
    const { caller } = open().errands;
    const level = await caller.transaction(
      async ({ handle }) => {
        attempts += 1;
        const { rows } = await handle.query<{ level: string }>(
          "select current_setting('transaction_isolation') as level",
        );
        if (attempts === 1) await handle.query("do $$ begin raise sqlstate '40001'; end $$");
        return rows[0]?.level;
      },
      { isolation: "serializable", retries: 1 },
    );
    expect([level, attempts]).toEqual(["serializable", 2]);
    await expect(caller.transaction(async () => {}, { retries: -1 })).rejects.toMatchObject({
      code: "VAL_ARGUMENT",
    });
  });

  it("is a savepoint inside a transaction", async () => {
    await open().transaction(async (tx) => {
      await addNote(tx, "before");
      await expect(
        tx.errands.run("acme", async (inner) => {
          await addNote(inner, "undone");
          await expect(addNote(tx, "outer")).rejects.toMatchObject({
            code: "BIZ_TRANSACTION_NESTED",
          });
          throw new Error("no thanks");
        }),
      ).rejects.toThrow("no thanks");
      await tx.errands.run("globex", (inner) => addNote(inner, "kept"));
    });
    expect(await notes()).toEqual(["acme before", "globex kept"]);
  });

  it("is a savepoint of a transaction that was joined, and its handle ends with it", async () => {
    const client = await db.app.connect();
    let inside: Tx | undefined;
    try {
      await client.query("begin");
      await open()
        .on(client)
        .errands.run("globex", async (tx) => {
          inside = tx;
          await addNote(tx, "joined");
        });
      await client.query("commit");
    } finally {
      client.release();
    }
    expect(await notes()).toEqual(["globex joined"]);
    await expect(addNote(inside as Tx, "late")).rejects.toMatchObject({
      code: "BIZ_TRANSACTION_CLOSED",
    });
  });
});

describe("a module with another client for transactions", () => {
  const split: PostkitModule<{ readonly where: "outside" }, { readonly where: "inside" }> = {
    ...fixtureModule("split", { steps: [] }),
    client: () => ({ where: "outside" }),
    transactionClient: () => ({ where: "inside" }),
  };

  it("gives it to every transaction, and to no other handle", async () => {
    const postkit = createPostkit({ db: db.app, modules: { split } });
    const outside: "outside" = postkit.withNamespace("acme").split.where;
    expect(outside).toBe("outside");
    await postkit.transaction(async (tx) => {
      const inside: "inside" = tx.withNamespace("acme").split.where;
      expect(inside).toBe("inside");
      await tx.transaction(async (nested) => expect(nested.split.where).toBe("inside"));
    });
    expect(postkit.on({ query: async () => ({ rows: [] }) }).split.where).toBe("inside");
  });
});
