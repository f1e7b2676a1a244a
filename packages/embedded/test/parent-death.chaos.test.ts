import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { find, start, stop } from "@postkit/embedded";
import { waitFor, withClient } from "@postkit/testkit";
import { describe, expect, it } from "vitest";

import { isAlive } from "../src/alive.ts";
import { runChildProgram } from "./support/child-program.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** Command lines of the processes with the text in them. */
function processesWith(text: string): string[] {
  return processes().filter((line) => line.includes(text) && !line.includes("start-and-wait"));
}

/** Command lines of the process's children. */
function childrenOf(pid: number | undefined): string[] {
  return processes().filter((line) => line.trimStart().startsWith(`${pid} `));
}

/** Each with its parent's pid in front. */
function processes(): string[] {
  return spawnSync("ps", ["-eo", "ppid,args"], { encoding: "utf8" }).stdout.split("\n");
}

describe("when the process that started it is killed with -9", () => {
  it("a throw-away server leaves neither process nor folder", async () => {
    using program = runChildProgram({});
    const { dataDir, pid } = await program.server;
    const folder = dirname(dataDir);
    expect(processesWith(folder)).not.toEqual([]);
    await program.kill();
    await waitFor(() => !isAlive(pid));
    await waitFor(() => !existsSync(folder));
    await waitFor(() => processesWith(folder).length === 0);
  });

  it("a folder is removed even when the server was not there yet", async () => {
    using program = runChildProgram({});
    const initdb = await waitFor(() =>
      childrenOf(program.process.pid).find((line) => line.includes("--no-sync")),
    );
    const folder = /\S*\/postkit-pg-\w{6}/.exec(initdb)?.[0] ?? "";
    expect(existsSync(folder)).toBe(true);
    await program.kill();
    await waitFor(() => !existsSync(folder));
    await waitFor(() => processesWith(folder).length === 0);
  });

  it("a server on a data directory ends and keeps its rows", async () => {
    await using folder = await temporaryFolder();
    using program = runChildProgram({ dataDir: folder.path });
    const { url, pid } = await program.server;
    await withClient(url, (client) => client.query("create table t as select 42 as answer"));
    await program.kill();
    await waitFor(() => !isAlive(pid));
    await using server = await start({ dataDir: folder.path });
    const { rows } = await withClient(server.url, (client) => client.query("select answer from t"));
    expect(rows).toEqual([{ answer: 42 }]);
  });

  it("a detached server goes on until it is stopped by its folder", async () => {
    await using folder = await temporaryFolder();
    using program = runChildProgram({ dataDir: folder.path, detached: true });
    const { url, pid } = await program.server;
    await program.kill();
    try {
      const { rows } = await withClient(url, (client) => client.query("select 1 as one"));
      expect(rows).toEqual([{ one: 1 }]);
      expect(await find(folder.path)).toMatchObject({ url, pid });
    } finally {
      expect(await stop(folder.path)).toBe(true);
    }
    await waitFor(() => !isAlive(pid));
  });
});

describe("when the server itself is killed with -9", () => {
  it("the next start recovers it with its rows", async () => {
    await using folder = await temporaryFolder();
    const first = await start({ dataDir: folder.path });
    await withClient(first.url, (client) => client.query("create table t as select 42 as answer"));
    process.kill(first.pid, "SIGKILL");
    await waitFor(() => !isAlive(first.pid));
    await using second = await start({ dataDir: folder.path });
    const { rows } = await withClient(second.url, (client) => client.query("select answer from t"));
    expect(rows).toEqual([{ answer: 42 }]);
    await first.stop();
  });
});

describe.runIf(process.getuid?.() === 0)("as root where user namespaces are forbidden", () => {
  it("the server runs as nobody, and everything else is the same", async () => {
    await using folder = await temporaryFolder();
    const unshare = join(folder.path, "unshare");
    await writeFile(unshare, "#!/bin/sh\nexit 1\n");
    await chmod(unshare, 0o755);
    // Binaries that nobody cannot reach are copied to the temp folder.
    await chmod(folder.path, 0o755);
    using program = runChildProgram(
      {},
      { PATH: `${folder.path}:${process.env.PATH}`, TMPDIR: folder.path },
    );
    const { url, pid, dataDir } = await program.server;
    const { stdout: user } = spawnSync("ps", ["-o", "uid=", "-p", String(pid)], {
      encoding: "utf8",
    });
    expect(user.trim()).toBe("65534");
    const { rows } = await withClient(url, (client) => client.query("select 1 as one"));
    expect(rows).toEqual([{ one: 1 }]);
    await program.kill();
    await waitFor(() => !existsSync(dirname(dataDir)));
    await waitFor(() => !isAlive(pid));
  });
});
