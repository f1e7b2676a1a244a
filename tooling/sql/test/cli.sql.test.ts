import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openServer, type Server } from "../src/server.ts";
import { demoModule } from "./demo-module.ts";
import { createFixture, type Fixture } from "./fixture.ts";

let server: Server;
beforeAll(async () => {
  server = await openServer(undefined);
});
afterAll(() => server.stop());

const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));

function run(fixture: Fixture, ...args: readonly string[]) {
  const command = ["--conditions=@postkit/source", "--import", "tsx", cli, ...args];
  const options = ["--root", fixture.root, "--server", server.url];
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [...command, ...options], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

describe("the command", () => {
  it("freezes, checks and bundles a module", async () => {
    using fixture = createFixture(demoModule);
    expect(await run(fixture, "freeze", "demo", "init")).toEqual({
      code: 0,
      stdout: "",
      stderr: "sealed migrations/demo/0001_init\n",
    });
    expect(await run(fixture, "check")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok {6}demo: 7 files, 1 steps, \d+ ms\n$/),
    });
    expect(await run(fixture, "bundle", "--dist", "demo")).toMatchObject({ code: 0 });
    expect(fixture.read("packages/demo/src/migrations.gen.ts")).toContain('"0001_init"');
    expect(fixture.read("packages/demo/dist/migrations/demo/0001_init.up.sql")).toContain("demo");
  });

  it("ends with 1 and names the problems, as JSON when asked", async () => {
    using fixture = createFixture(demoModule);
    const { code, stdout } = await run(fixture, "check", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { module: "demo", problems: ["migrations/demo is empty: freeze demo init"] },
    ]);
    expect(await run(fixture, "check", "demo")).toMatchObject({
      code: 1,
      stdout: "failed  demo\n  migrations/demo is empty: freeze demo init\n",
    });
  });

  it("explains itself when it does not understand", async () => {
    using fixture = createFixture(demoModule);
    for (const args of [[], ["freeze", "demo"], ["bundle", "demo"], ["check", "--fast"]]) {
      const { code, stderr } = await run(fixture, ...args);
      expect({ args, code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("freeze <module> <slug>"),
      });
    }
  });
});
