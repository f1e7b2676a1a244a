import { execFile, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { installCommand, type InstalledCommand } from "./support/command.ts";
import { authzSetting } from "./support/setting.ts";

const psql = "psql";
const hasPsql = spawnSync(psql, ["--version"]).status === 0;

let command: InstalledCommand;
beforeAll(async () => {
  command = await installCommand(["authz"]);
});
afterAll(() => command[Symbol.asyncDispose]());

describe.concurrent("postkit sql", () => {
  it.skipIf(!hasPsql)(
    "installs with psql so that nothing is pending (skipped where there is no psql)",
    async () => {
      await using setting = await authzSetting(command);
      const script = join(setting.project.folder, "authz.sql");
      const written = await setting.postkit("sql", "authz", "--output", script);
      expect(written).toMatchObject({ code: 0, stdout: "" });
      await promisify(execFile)(psql, [
        "--no-psqlrc",
        "--quiet",
        "-f",
        script,
        setting.db.ownerUrl,
      ]);
      expect(await setting.postkit("migrate", "status", "--check")).toMatchObject({ code: 0 });
      expect(await setting.postkit("migrate", "verify")).toMatchObject({ code: 0 });
    },
  );

  it("installs through any driver once psql's one line is taken out", async () => {
    await using setting = await authzSetting(command);
    const { code, stdout, stderr } = await setting.postkit("sql");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines.filter((line) => line.startsWith("\\"))).toEqual(["\\set ON_ERROR_STOP on"]);
    const plain = lines.filter((line) => !line.startsWith("\\")).join("\n");
    await withClient(setting.db.ownerUrl, (owner) => owner.query(plain));
    expect(await setting.postkit("migrate", "status", "--check")).toMatchObject({ code: 0 });
    expect(await setting.postkit("migrate", "down", "--module", "authz", "--yes")).toMatchObject({
      code: 0,
    });
  });

  it("needs no database and gives the same text on stdout and in a file", async () => {
    const project = await command.createProject(["authz"]);
    const { stdout } = await project.run(["sql", "authz"]);
    await project.run(["sql", "authz", "--output", "install.sql"]);
    expect(await readFile(join(project.folder, "install.sql"), "utf8")).toBe(stdout);
  });

  it("refuses a module that the project does not have", async () => {
    const project = await command.createProject(["authz"]);
    expect(await project.run(["sql", "authz", "nope"])).toMatchObject({ code: 2, stdout: "" });
  });
});
