import type { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createProgram } from "../src/program.ts";
import { run } from "../src/run.ts";

/** What the command writes while it runs in this process. */
const written = { stdout: "", stderr: "" };

beforeEach(() => {
  for (const name of ["stdout", "stderr"] as const) {
    written[name] = "";
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  }
  vi.stubEnv("DATABASE_URL", undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe("help", () => {
  it("is there for every command, with a sentence for each option", () => {
    const commands = allCommands(createProgram(async () => {}));
    expect(commands).toHaveLength(14);
    for (const command of commands) {
      expect(command.helpInformation()).toContain("Usage: ");
      expect([command.name(), command.description()]).not.toContain("");
      for (const { flags, description } of command.options)
        expect([flags, description]).not.toContain("");
    }
  });

  it("goes to stdout when it was asked for", async () => {
    expect(await run(["migrate", "down", "--help"])).toBe(0);
    expect(written.stdout).toContain("$ postkit migrate down --module authz --dry-run");
    expect(written.stderr).toBe("");
  });

  it("goes to stderr, with exit code 2, when a command is missing", async () => {
    expect(await run([])).toBe(2);
    expect(written.stdout).toBe("");
    expect(written.stderr).toContain("Usage: postkit");
  });
});

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

const unreachable = ["--database-url", "postgres://nobody@127.0.0.1:1/none"];

describe("wrong arguments", () => {
  it.each([
    ["no action", ["migrate"]],
    ["an unknown command", ["migrat"]],
    ["an unknown action", ["migrate", "sideways"]],
    ["an unknown option", ["migrate", "up", "--force"]],
    ["a missing argument", ["grant"]],
    ["too many arguments", ["migrate", "up", "authz"]],
    ["a count of nothing", ["migrate", "up", "--count", "0"]],
    ["a duration without a number", ["migrate", "up", "--lock-timeout", "soon"]],
    ["a version that is no number", ["dev", "start", "--version", "latest"]],
    ["an unsupported version", ["dev", "start", "--version", "13"]],
    ["no database", ["doctor"]],
    ["an empty database", ["doctor", "--database-url", ""]],
    ["a database that is no URL", ["doctor", "--database-url", "host=localhost"]],
    ["down without an extent", ["migrate", "down", "--yes", ...unreachable]],
    ["a step of no module", ["migrate", "down", "--to", "0", ...unreachable]],
    ["contradicting options", ["grant", "someone", "--revoke", "--worker", ...unreachable]],
  ])("exit with 2 and a sentence on stderr: %s", async (_, args) => {
    expect(await run(args)).toBe(2);
    expect(written.stdout).toBe("");
    expect(written.stderr).not.toBe("");
  });

  it.each([
    ["the parser", ["migrate", "up", "--json", "--count", "few"], "--count"],
    ["the command", ["migrate", "down", "--json"], "--module"],
  ])("are JSON as well when that is asked for, from %s", async (_, args, word) => {
    expect(await run(args)).toBe(2);
    expect(JSON.parse(written.stdout)).toEqual({
      error: {
        module: "cli",
        code: "VAL_USAGE",
        sqlstate: null,
        message: expect.stringContaining(word) as string,
        detail: null,
      },
    });
  });

  it("show how a database URL must look", async () => {
    expect(await run(["doctor", "--database-url", "mysql://localhost/shop"])).toBe(2);
    expect(written.stderr).toContain("postgres://user@host/database");
  });

  it("never give a password away", async () => {
    const url = "postgres://someone:s3cret@127.0.0.1:1/none";
    for (const args of [
      [`--databse-url=${url}`],
      ["--database-url", `x${url}`],
      ["--database-url", url],
    ]) {
      expect(await run(["doctor", "--json", "--verbose", ...args])).not.toBe(0);
    }
    expect(written.stderr).toContain("someone:***@");
    expect(written.stdout + written.stderr).not.toContain("s3cret");
  });
});
