import { join } from "node:path";

import { withClient } from "@postkit/testkit";
import { expect, it } from "vitest";

import { runChildProgram } from "./support/child-program.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

it("gives one server to processes that start on one new data directory at once", async () => {
  await using folder = await temporaryFolder();
  const dataDir = join(folder.path, "data");
  const programs = Array.from({ length: 4 }, () => runChildProgram({ dataDir }));
  try {
    const servers = await Promise.all(programs.map((program) => program.server));
    expect(new Set(servers.map(({ pid, url }) => `${pid} ${url}`)).size).toBe(1);
    expect(servers.filter(({ reused }) => !reused)).toHaveLength(1);
    const { rows } = await withClient(servers[0]?.url ?? "", (client) =>
      client.query("select 1 as one"),
    );
    expect(rows).toEqual([{ one: 1 }]);
  } finally {
    await Promise.all(programs.map((program) => program.kill()));
  }
});
