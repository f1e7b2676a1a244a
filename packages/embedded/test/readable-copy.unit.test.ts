import { chmod, chown, mkdir, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, expect, it, vi } from "vitest";

import { readableCopy } from "../src/readable-copy.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

it("copies binaries that other users cannot reach, and only those", async () => {
  await using folder = await temporaryFolder();
  const native = join(folder.path, "closed", "native");
  await mkdir(native, { recursive: true });
  for (const path of [folder.path, join(folder.path, "closed"), native]) await chmod(path, 0o755);
  await writeFile(join(native, "libz.so.1"), "library");
  await symlink("libz.so.1", join(native, "libz.so"));
  vi.stubEnv("TMPDIR", folder.path);
  expect(await readableCopy(native, 18)).toBe(native);

  await chmod(join(folder.path, "closed"), 0o700);
  const copy = await readableCopy(native, 18);
  expect(copy).not.toBe(native);
  expect((await stat(copy)).mode & 0o777).toBe(0o755);
  expect(await readlink(join(copy, "libz.so"))).toBe("libz.so.1");
  expect(await readableCopy(native, 18)).toBe(copy);
});

it.runIf(process.getuid?.() === 0)("refuses a copy that another user has made", async () => {
  await using folder = await temporaryFolder();
  const native = join(folder.path, "native");
  await mkdir(native);
  vi.stubEnv("TMPDIR", folder.path);
  const copy = await readableCopy(native, 18);
  await chown(copy, 65_534, 65_534);
  await expect(readableCopy(native, 18)).rejects.toThrow(/belongs to another user/);
});
