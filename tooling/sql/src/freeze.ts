import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isSealed, findTampering, readChecksums, seal } from "./checksums.ts";
import { planInit } from "./freeze-init.ts";
import { readHistory, type Step } from "./history.ts";
import { lintSearchPaths, lintStatements } from "./lint.ts";
import { proveHistory } from "./prove-history.ts";
import { findUnlisted, readModule, type SourceFile } from "./read-module.ts";
import { Refusal } from "./refusal.ts";
import type { Server } from "./server.ts";
import { isReleased, packageVersion, requireModule, type Workspace } from "./workspace.ts";

/** What `freeze` did: the step, and what is left for a person to write before it can be sealed. */
export interface Frozen {
  readonly step: Step;
  readonly outcome: "sealed" | "unchanged" | "by hand";
  readonly byHand: readonly string[];
}

/** Writes the next step of a module's history from its source, or seals the one being written by hand. */
export async function freeze(
  server: Server,
  workspace: Workspace,
  { module, slug }: { module: string; slug: string },
): Promise<Frozen> {
  requireModule(workspace, module);
  if (!/^[a-z][a-z0-9_]*$/.test(slug)) throw new Refusal(`${slug}: a slug is lower case words joined by _`);
  const files = readSource(workspace, module);
  const steps = readHistory(workspace, module);
  refuseTampering(workspace, module, steps);
  return freezeInit(server, workspace, { module, slug, files, steps });
}

function readSource(workspace: Workspace, module: string): SourceFile[] {
  const files = readModule(workspace, module);
  refuseProblems([...findUnlisted(workspace, module, files), ...files.flatMap(lintStatements)]);
  return files;
}

function refuseTampering(workspace: Workspace, module: string, steps: readonly Step[]): void {
  const checksums = readChecksums(workspace);
  refuseProblems(findTampering(checksums, module, steps.filter((step) => isSealed(checksums, step))));
}

async function freezeInit(
  server: Server,
  workspace: Workspace,
  { module, slug, files, steps }: { module: string; slug: string; files: readonly SourceFile[]; steps: readonly Step[] },
): Promise<Frozen> {
  if (slug !== "init") throw new Refusal(`the first step of a history is called init: freeze ${module} init`);
  if (steps.length > 0 && isReleased(packageVersion(workspace, module))) {
    throw new Refusal(`${module} is released, its 0001_init stays as it is: choose another slug`);
  }
  const { step, source } = await planInit(server, workspace, { module, files });
  if (steps[0]?.up.text === step.up.text && steps[0].down.text === step.down.text) {
    return { step, outcome: "unchanged", byHand: [] };
  }
  refuseProblems([
    ...lintSearchPaths(source, module),
    ...(await proveHistory(server, workspace, { module, steps: [step], source })),
  ]);
  writeStep(workspace, module, step);
  seal(workspace, step);
  return { step, outcome: "sealed", byHand: [] };
}

function writeStep(workspace: Workspace, module: string, step: Step): void {
  mkdirSync(join(workspace.root, "migrations", module), { recursive: true });
  for (const file of [step.up, step.down]) writeFileSync(join(workspace.root, file.path), file.text);
}

function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new Refusal(...problems);
}
