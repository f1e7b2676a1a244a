import { createPostkit } from "@postkit/core";
import pg from "pg";
import { expect, it } from "vitest";

import { startHastyServer } from "./support/hasty-server.ts";
import { probe, whoami } from "./support/probe.ts";

it.each(["of its own", "of the caller"])(
  "a connection that ends with the packet that opened it fails its call and nothing else: pool %s",
  async (owner) => {
    await using server = await startHastyServer();
    await using pool = owner === "of its own" ? undefined : openPool(server.url);
    const options = pool === undefined ? { connectionString: server.url } : { db: pool.pool };
    await using postkit = createPostkit({ ...options, modules: { probe } });
    // An error that nobody listens to would end this process.
    await expect(whoami(postkit.probe)).rejects.toMatchObject({
      module: "core",
      code: "SYS_CONNECTION_LOST",
    });
  },
);

function openPool(connectionString: string) {
  const pool = new pg.Pool({ connectionString });
  pool.on("error", () => {});
  return { pool, [Symbol.asyncDispose]: () => pool.end() };
}
