import type { Executor } from "@postkit/core";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text as textColumn } from "drizzle-orm/pg-core";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import { CompiledQuery, Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";

/** A transaction that an application opened with its own library. */
export interface ApplicationTransaction {
  /** What goes into `on()`. */
  readonly executor: Executor;
  insertOrder(id: string): Promise<unknown>;
}

/** An application's way to its database. */
export interface Application extends AsyncDisposable {
  transaction<T>(work: (transaction: ApplicationTransaction) => Promise<T>): Promise<T>;
}

export interface Library {
  readonly name: string;
  /** Whether the library lets a transaction go on after a statement failed and was undone to a savepoint. */
  readonly survivesFailedStatement: boolean;
  open(url: string): Promise<Application>;
}

const orders = pgTable("orders", { id: textColumn("id").primaryKey() });

const pgClient: Library = {
  name: "pg Client",
  survivesFailedStatement: true,
  async open(connectionString) {
    const client = new pg.Client({ connectionString });
    await client.connect();
    return {
      transaction: (work) => inPgTransaction(client, work),
      [Symbol.asyncDispose]: () => client.end(),
    };
  },
};

const pgPoolClient: Library = {
  name: "pg PoolClient",
  survivesFailedStatement: true,
  async open(connectionString) {
    const pool = new pg.Pool({ connectionString, max: 2 });
    return {
      async transaction(work) {
        const client = await pool.connect();
        try {
          return await inPgTransaction(client, work);
        } finally {
          client.release();
        }
      },
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },
};

async function inPgTransaction<T>(
  client: pg.ClientBase,
  work: (transaction: ApplicationTransaction) => Promise<T>,
): Promise<T> {
  await client.query("begin");
  try {
    const result = await work({
      executor: client,
      insertOrder: (id) => client.query("insert into orders values ($1)", [id]),
    });
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

const kysely: Library = {
  name: "Kysely",
  survivesFailedStatement: true,
  async open(connectionString) {
    const pool = new pg.Pool({ connectionString, max: 2 });
    const db = new Kysely<{ orders: { id: string } }>({ dialect: new PostgresDialect({ pool }) });
    return {
      transaction: (work) =>
        db.transaction().execute(async (trx) => {
          const executor: Executor = {
            query: (text, values = []) => trx.executeQuery(CompiledQuery.raw(text, values)),
          };
          return work({
            executor,
            insertOrder: (id) => trx.insertInto("orders").values({ id }).execute(),
          });
        }),
      [Symbol.asyncDispose]: () => db.destroy(),
    };
  },
};

const drizzleOnPg: Library = {
  name: "Drizzle on pg",
  survivesFailedStatement: true,
  async open(connectionString) {
    const pool = new pg.Pool({ connectionString, max: 2 });
    const db = drizzle(pool);
    return {
      transaction: (work) =>
        db.transaction(async (tx) => {
          const executor: Executor = {
            query: (text, values = []) => tx.execute(sql(text.split(/\$\d+/) as never, ...values)),
          };
          return work({ executor, insertOrder: (id) => tx.insert(orders).values({ id }) });
        }),
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },
};

const drizzleOnPostgresJs: Library = {
  name: "Drizzle on postgres.js",
  survivesFailedStatement: false,
  async open(url) {
    const client = postgres(url, { max: 2, onnotice: () => {} });
    const db = drizzlePostgresJs(client);
    return {
      transaction: (work) =>
        db.transaction(async (tx) => {
          const executor: Executor = {
            query: async (text, values = []) => ({
              rows: await tx.execute(sql(text.split(/\$\d+/) as never, ...values)),
            }),
          };
          return work({ executor, insertOrder: (id) => tx.insert(orders).values({ id }) });
        }),
      [Symbol.asyncDispose]: () => client.end(),
    };
  },
};

const postgresJs: Library = {
  name: "postgres.js",
  survivesFailedStatement: false,
  async open(url) {
    const sqlClient = postgres(url, { max: 2, onnotice: () => {} });
    return {
      transaction: <T>(work: (transaction: ApplicationTransaction) => Promise<T>) =>
        sqlClient.begin(async (tx) => {
          const executor: Executor = {
            query: async (text, values) => ({ rows: await tx.unsafe(text, values as never) }),
          };
          return work({ executor, insertOrder: (id) => tx`insert into orders values (${id})` });
        }) as Promise<T>,
      [Symbol.asyncDispose]: () => sqlClient.end(),
    };
  },
};

export const libraries: readonly Library[] = [
  pgClient,
  pgPoolClient,
  kysely,
  drizzleOnPg,
  drizzleOnPostgresJs,
  postgresJs,
];
