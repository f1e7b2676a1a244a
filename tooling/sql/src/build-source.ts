import { readCatalog, type Catalog } from "./catalog.ts";
import { readModule } from "./read-module.ts";
import { runSql, withScratch, type Scratch } from "./scratch.ts";
import type { Server } from "./server.ts";
import type { SqlFile } from "./sql-file.ts";
import { coreName, hasSql, type Workspace } from "./workspace.ts";

/** The catalog that a module's source makes. */
export function buildSource(
  server: Server,
  workspace: Workspace,
  files: readonly SqlFile[],
): Promise<Catalog> {
  return withScratch(server, async (scratch) => {
    await buildCore(scratch, workspace);
    return buildFiles(scratch, files);
  });
}

/** Creates core's schema, on which every module stands, and gives the catalog to start from. */
export async function buildCore(scratch: Scratch, workspace: Workspace): Promise<Catalog> {
  if (hasSql(workspace, coreName)) await buildFiles(scratch, readModule(workspace, coreName));
  return readCatalog(scratch);
}

/** Runs source files in order and gives the catalog they make. */
export async function buildFiles(scratch: Scratch, files: readonly SqlFile[]): Promise<Catalog> {
  for (const file of files) await runSql(scratch, file);
  return readCatalog(scratch);
}
