import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { start } from "@postkit/embedded";

import { checkCommandLine, checkEmbedded, checkModule } from "./consumer.ts";
import { manifestProblems } from "./manifest-problems.ts";
import { pack } from "./pack.ts";
import { publicPackages } from "./public-packages.ts";
import { publintProblems } from "./publint-problems.ts";
import { tarballProblems } from "./tarball-problems.ts";

process.exitCode = await main();

/** Packs every public package as it would be published, then uses the tarballs as a stranger would. */
async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "postkit-pack-"));
  try {
    return await checkAll(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkAll(folder: string): Promise<number> {
  const packed = publicPackages().map((manifest) => pack(manifest, folder));
  let problemCount = 0;
  const report = (name: string, problems: readonly string[]): void => {
    problemCount += problems.length;
    console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${name}`);
    for (const problem of problems) console.log(`       ${problem}`);
  };

  for (const one of packed) {
    report(`${one.name} tarball`, [
      ...manifestProblems(one),
      ...tarballProblems(one),
      ...(await publintProblems(one)),
    ]);
  }

  await using server = await start();
  const consumer = { packed, folder, databaseUrl: server.url };
  for (const { module } of packed.filter((one) => one.isModule)) {
    for (const [name, problems] of checkModule(consumer, module)) report(name, problems);
  }
  for (const [name, problems] of checkEmbedded(consumer)) report(name, problems);
  for (const [name, problems] of checkCommandLine(consumer)) report(name, problems);
  return problemCount === 0 ? 0 : 1;
}
