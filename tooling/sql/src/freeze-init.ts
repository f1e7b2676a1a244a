import { buildCore, buildFiles } from "./build-source.ts";
import type { Catalog } from "./catalog.ts";
import { compareCatalogs } from "./compare.ts";
import { dataLossHeader, lostData } from "./data-loss.ts";
import { readDependencies } from "./dependencies.ts";
import { dropWholes } from "./drop-order.ts";
import { stepName, type Step } from "./history.ts";
import type { SourceFile } from "./read-module.ts";
import { withScratch } from "./scratch.ts";
import type { Server } from "./server.ts";
import type { Workspace } from "./workspace.ts";

/** The first step of a module: its whole source up, a drop of every object down. */
export async function planInit(
  server: Server,
  workspace: Workspace,
  { module, files }: { module: string; files: readonly SourceFile[] },
): Promise<{ step: Step; source: Catalog }> {
  return withScratch(server, async (scratch) => {
    const before = await buildCore(scratch, workspace);
    const source = await buildFiles(scratch, files);
    const drops = dropWholes(
      compareCatalogs(before, source).added,
      source,
      await readDependencies(scratch, source),
    );
    const down = `${dataLossHeader(lostData(source, before))}${drops.join("\n")}\n`;
    const name = stepName(1, "init");
    return {
      source,
      step: {
        number: 1,
        slug: "init",
        name,
        up: { path: `migrations/${module}/${name}.up.sql`, text: upText(files) },
        down: { path: `migrations/${module}/${name}.down.sql`, text: down },
      },
    };
  });
}

function upText(files: readonly SourceFile[]): string {
  return files.map((file) => `-- ${file.name}\n${file.text.trim()}\n`).join("\n");
}
