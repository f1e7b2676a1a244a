import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import {
  DataDirectoryError,
  EmbeddedError,
  find,
  PasswordMismatchError,
  PortInUseError,
  ServerStartError,
  start,
  stop,
  VersionMismatchError,
} from "@postkit/embedded";
import { withClient } from "@postkit/testkit";
import { describe, expect, it } from "vitest";

import { isAlive } from "../src/alive.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

async function setting(url: string, name: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ value: string }>("select current_setting($1) as value", [
      name,
    ]);
    return rows[0]?.value;
  });
}

describe("a throw-away server", () => {
  it("answers, and leaves neither process nor folder after stop", async () => {
    const server = await start();
    expect(await setting(server.url, "server_version_num")).toMatch(/^18/);
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
    expect(existsSync(join(server.dataDir, ".."))).toBe(false);
  });

  it("speaks UTF-8, locale C and UTC, and listens on loopback alone", async () => {
    await using server = await start();
    expect(await setting(server.url, "server_encoding")).toBe("UTF8");
    expect(await setting(server.url, "TimeZone")).toMatch(/UTC$/);
    expect(await setting(server.url, "listen_addresses")).toBe("127.0.0.1");
    expect(await setting(server.url, "unix_socket_directories")).toBe("");
    const collation = await withClient(server.url, (client) =>
      client.query("select datcollate from pg_database where datname = current_database()"),
    );
    expect(collation.rows).toEqual([{ datcollate: "C" }]);
  });

  it("writes fast unless it is to be durable", async () => {
    await using fast = await start();
    await using durable = await start({ durable: true });
    expect(await setting(fast.url, "fsync")).toBe("off");
    expect(await setting(durable.url, "fsync")).toBe("on");
    expect(await setting(durable.url, "data_directory")).not.toMatch(/^\/dev\/shm/);
  });

  it("takes settings", async () => {
    await using server = await start({ settings: { max_connections: 7, log_statement: "all" } });
    expect(await setting(server.url, "max_connections")).toBe("7");
    expect(await setting(server.url, "log_statement")).toBe("all");
  });

  it("says why when the server refuses a setting, and leaves no folder", async () => {
    const attempt = start({ settings: { max_connections: "many" } });
    await expect(attempt).rejects.toThrow(ServerStartError);
    await expect(attempt).rejects.toThrow(/max_connections/);
    const folder = /The server on (\S+)/.exec(await attempt.then(() => "", String))?.[1] ?? "";
    expect(folder).toMatch(/postkit-pg-/);
    expect(existsSync(folder)).toBe(false);
  });

  it("cannot be detached", async () => {
    await expect(start({ detached: true })).rejects.toThrow(EmbeddedError);
  });

  it("tells what it does only when asked", async () => {
    const messages: string[] = [];
    await using _ = await start({ log: (message) => messages.push(message) });
    expect(messages.join("\n")).toMatch(/starting PostgreSQL 18/);
  });
});

describe("a server on a data directory", () => {
  it("keeps rows and its url over a restart", async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, "data");
    const first = await start({ dataDir });
    await withClient(first.url, (client) => client.query("create table t as select 42 as answer"));
    await first.stop();
    await using second = await start({ dataDir });
    expect(second).toMatchObject({ url: first.url, reused: false });
    const { rows } = await withClient(second.url, (client) => client.query("select answer from t"));
    expect(rows).toEqual([{ answer: 42 }]);
  });

  it("is durable and wants a password that only its owner can read", async () => {
    await using folder = await temporaryFolder();
    await using server = await start({ dataDir: folder.path });
    expect(await setting(server.url, "fsync")).toBe("on");
    const wrong = new URL(server.url);
    wrong.password = "wrong";
    await expect(setting(wrong.href, "fsync")).rejects.toMatchObject({ code: "28P01" });
    const file = join(folder.path, "postkit.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
      password: new URL(server.url).password,
    });
  });

  it("is used again while it runs, and goes on when the second user stops", async () => {
    await using folder = await temporaryFolder();
    await using first = await start({ dataDir: folder.path });
    const second = await start({ dataDir: folder.path });
    expect(second).toMatchObject({ url: first.url, pid: first.pid, reused: true });
    await second.stop();
    expect(await setting(first.url, "fsync")).toBe("on");
  });

  it("can be found and stopped by its folder", async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, "data");
    expect(await find(dataDir)).toBeUndefined();
    expect(await stop(dataDir)).toBe(false);
    const server = await start({ dataDir });
    expect(await find(dataDir)).toEqual({
      url: server.url,
      port: server.port,
      dataDir,
      version: 18,
      pid: server.pid,
    });
    expect(await stop(dataDir)).toBe(true);
    expect(await find(dataDir)).toBeUndefined();
    expect(isAlive(server.pid)).toBe(false);
    await server.stop();
  });

  it("is not found by the file that a dead server has left, even when its pid lives again", async () => {
    await using folder = await temporaryFolder();
    await using other = await start();
    await writeFile(
      join(folder.path, "postmaster.pid"),
      [process.pid, folder.path, 1_700_000_000, other.port, "", "127.0.0.1", "0", "ready"].join(
        "\n",
      ),
    );
    expect(await find(folder.path)).toBeUndefined();
    expect(await stop(folder.path)).toBe(false);
  });

  it("takes the password and the port it is given", async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, "data");
    await using busy = await start();
    await expect(start({ dataDir, port: busy.port, password: "a b/c@d" })).rejects.toThrow(
      PortInUseError,
    );
    const { port } = busy;
    await busy.stop();
    await using server = await start({ dataDir, port, password: "a b/c@d" });
    expect(server.port).toBe(port);
    expect(await setting(server.url, "port")).toBe(String(port));
    await expect(start({ dataDir, password: "other" })).rejects.toThrow(PasswordMismatchError);
    await expect(start({ dataDir, port: port - 1 })).rejects.toThrow(PortInUseError);
  });

  it("takes another port when the last one is in use", async () => {
    await using folder = await temporaryFolder();
    const first = await start({ dataDir: folder.path });
    await first.stop();
    const squatter = createServer().listen(first.port, "127.0.0.1");
    try {
      await using second = await start({ dataDir: folder.path });
      expect(second.port).not.toBe(first.port);
    } finally {
      squatter.close();
    }
  });

  it("is refused for another major version", async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "PG_VERSION"), "17\n");
    const attempt = start({ dataDir: folder.path, version: 18 });
    await expect(attempt).rejects.toThrow(VersionMismatchError);
    await expect(attempt).rejects.toThrow(/made by PostgreSQL 17 .* Ask for version 17/);
  });

  it("is refused for a folder with other files in it, which stay", async () => {
    await using folder = await temporaryFolder();
    const notes = join(folder.path, "notes.txt");
    await writeFile(notes, "mine");
    await expect(start({ dataDir: folder.path })).rejects.toThrow(DataDirectoryError);
    await expect(start({ dataDir: notes })).rejects.toThrow(DataDirectoryError);
    expect(await readFile(notes, "utf8")).toBe("mine");
  });

  it("works below a folder that only its owner can enter", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "closed"), { mode: 0o700 });
    await using server = await start({ dataDir: join(folder.path, "closed", "a folder", "data") });
    expect(await setting(server.url, "fsync")).toBe("on");
  });
});

describe("POSTKIT_PG_BIN", () => {
  it("must hold the server's programs", async () => {
    process.env.POSTKIT_PG_BIN = "/nowhere";
    try {
      await expect(start()).rejects.toThrow(/POSTKIT_PG_BIN is \/nowhere/);
    } finally {
      delete process.env.POSTKIT_PG_BIN;
    }
  });
});
