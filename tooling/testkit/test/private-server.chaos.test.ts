import { once } from "node:events";

import { startPrivateServer, withClient } from "@postkit/testkit";
import pg from "pg";
import { expect, it } from "vitest";

it("crashes and comes back on the same address with every commit", async () => {
  await using server = await startPrivateServer();
  const client = new pg.Client({ connectionString: server.url });
  const lost = once(client, "error");
  client.on("error", () => {});
  await client.connect();
  await client.query("create table t as select 42 as answer");

  await server.crash();
  await lost;
  await expect(withClient(server.url, async () => {})).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });

  await server.restart();
  const { rows } = await withClient(server.url, (again) => again.query("select answer from t"));
  expect(rows).toEqual([{ answer: 42 }]);
});
