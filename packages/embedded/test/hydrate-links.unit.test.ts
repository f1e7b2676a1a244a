import { mkdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, it } from "vitest";

import { hydrateLinks } from "../src/hydrate-links.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

async function packageWithLinks(folder: string): Promise<string> {
  const lib = join(folder, "native", "lib");
  await mkdir(lib, { recursive: true });
  await writeFile(join(lib, "liba.so.1.2"), "library");
  const links = [
    { source: "native/lib/liba.so.1.2", target: "native/lib/liba.so" },
    { source: "native/lib/liba.so.1.2", target: "native/lib/liba.so.1" },
  ];
  await writeFile(join(folder, "native", "pg-symlinks.json"), JSON.stringify(links));
  return lib;
}

it("makes the links a package lists, relative, so that the package can be moved", async () => {
  await using folder = await temporaryFolder();
  const lib = await packageWithLinks(folder.path);
  await hydrateLinks(folder.path);
  expect(await readlink(join(lib, "liba.so.1"))).toBe("liba.so.1.2");
  expect(await readFile(join(lib, "liba.so"), "utf8")).toBe("library");
});

it("keeps links and files that are there, and mends a link that leads elsewhere", async () => {
  await using folder = await temporaryFolder();
  const lib = await packageWithLinks(folder.path);
  await writeFile(join(lib, "liba.so"), "a copy");
  await symlink("liba.so.0.9", join(lib, "liba.so.1"));
  await hydrateLinks(folder.path);
  await hydrateLinks(folder.path);
  expect(await readFile(join(lib, "liba.so"), "utf8")).toBe("a copy");
  expect(await readlink(join(lib, "liba.so.1"))).toBe("liba.so.1.2");
});

it("leaves a package without a list alone", async () => {
  await using folder = await temporaryFolder();
  await expect(hydrateLinks(folder.path)).resolves.toBeUndefined();
});
