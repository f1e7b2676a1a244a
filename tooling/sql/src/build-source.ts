import { readCatalog, type Catalog } from "./catalog.ts";
import { readModule } from "./read-module.ts";
import { runSql, type Scratch } from "./scratch.ts";
import type { SqlFile } from "./sql-file.ts";
import { coreName, hasSql, type Workspace } from "./workspace.ts";

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
