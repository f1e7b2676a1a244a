import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { find, stop } from "@postkit/embedded";
import { withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { installCommand, type InstalledCommand, type Project } from "./support/command.ts";

const url = /^postgres:\/\/postgres:[\w-]+@127\.0\.0\.1:\d+\/postgres\n$/;

let command: InstalledCommand;
let project: Project;
beforeAll(async () => {
  command = await installCommand(["embedded"]);
  project = await command.createProject(["embedded"]);
});
afterAll(async () => {
  for (const dataDir of ["named", ".postkit/pg18"]) await stop(join(project.folder, dataDir));
  await command[Symbol.asyncDispose]();
});

const dev = (...args: string[]) => project.run(["dev", ...args]);

describe("postkit dev", () => {
  it("starts a server that stays, finds it and stops it", async () => {
    const none = await dev("url");
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain("start it with `postkit dev start`");

    const started = await dev("start");
    expect(started).toMatchObject({ code: 0, stdout: expect.stringMatching(url) as string });
    expect(started.stderr).toContain(`runs on ${join(project.folder, ".postkit/pg18")}`);
    expect(await readFile(join(project.folder, ".postkit/.gitignore"), "utf8")).toBe("*\n");
    const { rows } = await withClient(started.stdout.trim(), (client) =>
      client.query("select current_setting('fsync') as fsync"),
    );
    expect(rows).toEqual([{ fsync: "on" }]);

    expect(await dev("url")).toMatchObject({ code: 0, stdout: started.stdout, stderr: "" });
    const again = await dev("start", "--json");
    expect(again).toMatchObject({
      code: 0,
      json: { url: started.stdout.trim(), version: 18, reused: true },
    });

    expect(await dev("stop", "--json")).toMatchObject({ code: 0, json: { stopped: true } });
    expect(await find(join(project.folder, ".postkit/pg18"))).toBeUndefined();
    expect(await dev("stop", "--json")).toMatchObject({ code: 0, json: { stopped: false } });
  });

  it("keeps the data where it is told to, and refuses another version for it", async () => {
    expect(await dev("start", "--data-dir", "named")).toMatchObject({ code: 0 });
    expect(await dev("url", "--data-dir", "named")).toMatchObject({
      stdout: expect.stringMatching(url) as string,
    });
    const refused = await dev("start", "--data-dir", "named", "--version", "17", "--json");
    expect(refused).toMatchObject({
      code: 1,
      json: { error: { module: "cli", code: "SYS_FAILED" } },
    });
    expect(refused.stderr).toContain("was made by PostgreSQL 18");
    expect(await dev("stop", "--data-dir", "named")).toMatchObject({ code: 0 });
  });

  it("says how to install what it needs", async () => {
    const without = await command.createProject();
    const refused = await without.run(["dev", "start"]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("npm install --save-dev @postkit/embedded");
  });
});
