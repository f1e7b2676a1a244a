import { buildFiles, buildSource } from "./build-source.ts";
import { findTampering, readChecksums } from "./checksums.ts";
import { differenceLines } from "./compare.ts";
import { readHistory } from "./history.ts";
import { lintSettings, lintStatements } from "./lint.ts";
import { proveHistory } from "./prove-history.ts";
import { findUnlisted, readModule, type SourceFile } from "./read-module.ts";
import { findStaleReference } from "./reference.ts";
import { Refusal } from "./refusal.ts";
import { withScratch } from "./scratch.ts";
import type { Server } from "./server.ts";
import {
  coreName,
  hasSql,
  listHistories,
  listModules,
  requireModule,
  type Workspace,
} from "./workspace.ts";

/** What `check` found out about one module. */
export interface Report {
  readonly module: string;
  files: number;
  steps: number;
  durationMs: number;
  /** Empty when everything holds. */
  readonly problems: string[];
}

/** Checks core and every module, or the modules named. */
export async function check(
  server: Server,
  workspace: Workspace,
  modules: readonly string[],
): Promise<Report[]> {
  const reports: Report[] = [];
  for (const module of modules.length === 0 ? everything(workspace) : modules) {
    reports.push(await examine(server, workspace, module));
  }
  return reports;
}

/** Core, every module, and every history: one whose module is gone is refused as such. */
function everything(workspace: Workspace): string[] {
  const modules = [...listModules(workspace), ...listHistories(workspace)].sort();
  return [...new Set([...(hasSql(workspace, coreName) ? [coreName] : []), ...modules])];
}

/** A refusal ends the work on one module, not on the others, and keeps what was found before it. */
async function examine(server: Server, workspace: Workspace, module: string): Promise<Report> {
  const begin = performance.now();
  const report: Report = { module, files: 0, steps: 0, durationMs: 0, problems: [] };
  try {
    await (module === coreName ? checkCore : checkModule)(server, workspace, report);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    report.problems.push(...error.lines);
  }
  report.durationMs = Math.round(performance.now() - begin);
  return report;
}

async function checkCore(server: Server, workspace: Workspace, report: Report): Promise<void> {
  const files = checkFiles(workspace, report);
  const [first, second] = await withScratch(server, async (scratch) => [
    await buildFiles(scratch, files),
    await buildFiles(scratch, files),
  ]);
  const changes = differenceLines(first, second, { before: "the first run", after: "the second" });
  report.problems.push(
    ...lintSettings(first, "postkit", files),
    ...changes.map((change) => `packages/core/sql is not safe to run again: ${change}`),
  );
}

async function checkModule(server: Server, workspace: Workspace, report: Report): Promise<void> {
  const { module, problems } = report;
  requireModule(workspace, module);
  const files = checkFiles(workspace, report);
  const steps = readHistory(workspace, module);
  report.steps = steps.length;
  problems.push(...findTampering(readChecksums(workspace), module, steps));
  problems.push(
    ...steps.flatMap((step) => [...lintStatements(step.up), ...lintStatements(step.down)]),
  );
  problems.push(...findStaleReference(workspace, module));
  const source = await buildSource(server, workspace, files);
  problems.push(...lintSettings(source, module, files));
  if (steps.length === 0) problems.push(`migrations/${module} is empty: freeze ${module} init`);
  else problems.push(...(await proveHistory(server, workspace, { module, steps, source })));
}

function checkFiles(workspace: Workspace, report: Report): SourceFile[] {
  const files = readModule(workspace, report.module);
  report.files = files.length;
  report.problems.push(
    ...findUnlisted(workspace, report.module, files),
    ...files.flatMap(lintStatements),
  );
  return files;
}
