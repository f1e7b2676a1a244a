import { createServer } from "node:net";

import { createTestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { installCommand, type InstalledCommand, runFromSource } from "./support/command.ts";
import { installFixture, ledger } from "./support/fixture-module.ts";
import { ledgerSetting } from "./support/setting.ts";

let command: InstalledCommand;
beforeAll(async () => {
  command = await installCommand();
});
afterAll(() => command[Symbol.asyncDispose]());

describe.concurrent("the program", () => {
  it("runs from its sources in the checkout and finds the workspace's modules", async () => {
    const script = await runFromSource(["sql", "authz"]);
    expect(script).toMatchObject({ code: 0, stderr: "" });
    expect(script.stdout).toMatch(/^-- Installs authz /);
  });

  it("tells its version and help", async () => {
    const project = await command.createProject();
    const version = await project.run(["--version"]);
    expect(version).toMatchObject({ code: 0, stderr: "" });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
    const help = await project.run(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("Exit codes:");
  });

  it("exits with 2 for an unknown command", async () => {
    const project = await command.createProject();
    expect(await project.run(["migrat"])).toMatchObject({ code: 2, stdout: "" });
  });
});

describe.concurrent("a database that cannot be reached", () => {
  it("exits with 6 when nothing listens", async () => {
    const project = await command.createProject();
    await installFixture(project, ledger);
    const failed = await project.run(["migrate", "status", "--json"], {
      env: { DATABASE_URL: `postgres://someone@127.0.0.1:${await freePort()}/none` },
    });
    expect(failed).toMatchObject({
      code: 6,
      json: { error: { module: "core", code: "SYS_CONNECTION_FAILED", sqlstate: "08001" } },
    });
    expect(failed.stderr).toMatch(
      /^error: no connection to postgres:\/\/someone@127\.0\.0\.1:\d+\/none: connect ECONN/,
    );
  });

  it("exits with 6 when there is no such database, with PostgreSQL's own words", async () => {
    await using db = await createTestDatabase();
    const project = await command.createProject();
    const failed = await project.run([
      "doctor",
      "--json",
      "--database-url",
      `${db.ownerUrl}_missing`,
    ]);
    expect(failed).toMatchObject({
      code: 6,
      json: { error: { code: "SYS_CONNECTION_FAILED", sqlstate: "3D000" } },
    });
    expect(failed.stderr).toContain(`database "${db.name}_missing" does not exist`);
  });
});

describe.concurrent("modules", () => {
  it("are said to be missing with how to install one", async () => {
    const project = await command.createProject();
    const refused = await project.run(["sql"]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(`no Postkit module is installed in ${project.folder}`);
    expect(refused.stderr).toContain("npm install @postkit/authz");
  });

  it("are found from a folder inside the project", async () => {
    const project = await command.createProject();
    await installFixture(project, ledger);
    await project.write("src/deep/file.txt", "");
    const found = await project.run(["sql"], { folder: `${project.folder}/src/deep` });
    expect(found.code).toBe(0);
    expect(found.stdout).toContain("create schema ledger");
  });

  it("are named when an unknown one is asked for", async () => {
    await using setting = await ledgerSetting(command);
    const refused = await setting.postkit("migrate", "status", "--module", "nope");
    expect(refused).toMatchObject({
      code: 2,
      stderr: "error: this project has no module nope; it has ledger\n",
    });
  });

  it("are refused when one is listed and not installed", async () => {
    const project = await command.createProject();
    await project.write("package.json", JSON.stringify({ postkit: { modules: ["not-there"] } }));
    expect(await project.run(["sql"])).toMatchObject({
      code: 1,
      stderr: "error: package.json lists not-there, which is not installed\n",
    });
  });

  it("are refused when the list is none", async () => {
    const project = await command.createProject();
    await project.write("package.json", JSON.stringify({ postkit: { modules: "authz" } }));
    const refused = await project.run(["sql"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('"postkit.modules" must be a list of package names');
  });

  it("are refused when a listed package exports none", async () => {
    const project = await command.createProject();
    await installFixture(project, ledger);
    await project.write("node_modules/ledger/index.js", "export const nothing = 1;\n");
    expect(await project.run(["sql"])).toMatchObject({
      code: 1,
      stderr: "error: ledger exports no Postkit module\n",
    });
  });

  it("are refused when an installed package is not complete", async () => {
    const project = await command.createProject();
    await installFixture(project, ledger);
    const manifest = {
      name: "ledger",
      type: "module",
      exports: { ".": { default: "./missing.js" } },
    };
    await project.write("node_modules/ledger/package.json", JSON.stringify(manifest));
    const refused = await project.run(["sql"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("error: ledger is installed but cannot be loaded: ");
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (typeof address !== "object" || address === null) throw new Error("the server has no port");
  return address.port;
}
