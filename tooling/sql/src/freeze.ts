import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSource } from "./build-source.ts";
import type { Catalog } from "./catalog.ts";
import { findTampering, isSealed, readChecksums, seal } from "./checksums.ts";
import { planInit } from "./freeze-init.ts";
import { planNext, type Draft } from "./freeze-next.ts";
import { readHistory, type Step } from "./history.ts";
import { lintSettings, lintStatements } from "./lint.ts";
import { proveHistory } from "./prove-history.ts";
import { findUnlisted, readModule, type SourceFile } from "./read-module.ts";
import { Refusal } from "./refusal.ts";
import type { Server } from "./server.ts";
import { findByHand } from "./step-text.ts";
import { isReleased, packageVersion, requireModule, type Workspace } from "./workspace.ts";

/** What `freeze` did. */
export interface Frozen {
  readonly step: Step;
  readonly outcome: "sealed" | "unchanged" | "unsealed";
  /** What a person has to do before the same `freeze` seals the step. */
  readonly remaining: readonly string[];
}

/** Writes the next step of a module's history from its source, or seals the one that a person has completed. */
export async function freeze(
  server: Server,
  workspace: Workspace,
  { module, slug }: { module: string; slug: string },
): Promise<Frozen> {
  requireModule(workspace, module);
  if (!/^[a-z][a-z0-9_]*$/.test(slug))
    throw new Refusal(`${slug}: a slug is lower case words joined by _`);
  const draft: Draft = {
    module,
    slug,
    files: readSource(workspace, module),
    steps: readHistory(workspace, module),
  };
  if (isInit(workspace, draft)) return freezeInit(server, workspace, draft);
  return (unsealedStep(workspace, draft) === undefined ? freezeNext : sealLast)(
    server,
    workspace,
    draft,
  );
}

function readSource(workspace: Workspace, module: string): SourceFile[] {
  const files = readModule(workspace, module);
  refuse([...findUnlisted(workspace, module, files), ...files.flatMap(lintStatements)]);
  return files;
}

function isInit(workspace: Workspace, { module, slug, steps }: Draft): boolean {
  if (steps.length === 0 && slug !== "init") {
    throw new Refusal(`the first step of a history is called init: freeze ${module} init`);
  }
  if (slug !== "init") return false;
  if (steps.length > 1)
    throw new Refusal(`${module} has a history after 0001_init: choose another slug`);
  if (steps.length === 1 && isReleased(packageVersion(workspace, module))) {
    throw new Refusal(
      `${module} is released and its 0001_init stays as it is: choose another slug`,
    );
  }
  return true;
}

async function freezeInit(
  server: Server,
  workspace: Workspace,
  { module, files, steps }: Draft,
): Promise<Frozen> {
  const { step, source } = await planInit(server, workspace, { module, files });
  const isSame = steps[0]?.up.text === step.up.text && steps[0].down.text === step.down.text;
  if (isSame && findTampering(readChecksums(workspace), module, steps).length === 0) {
    return { step, outcome: "unchanged", remaining: [] };
  }
  refuse(lintSettings(source, module, files));
  refuse(await problemsOf(server, workspace, { module, steps: [step], source }));
  writeStep(workspace, module, step);
  seal(workspace, step);
  return { step, outcome: "sealed", remaining: [] };
}

/** The last step when its files are not in the checksums; refuses when it is not the one asked for. */
function unsealedStep(workspace: Workspace, { module, slug, steps }: Draft): Step | undefined {
  const checksums = readChecksums(workspace);
  const last = steps.at(-1);
  const open = last !== undefined && !isSealed(checksums, last) ? last : undefined;
  refuse(findTampering(checksums, module, open === undefined ? steps : steps.slice(0, -1)));
  if (open !== undefined && open.slug !== slug) {
    throw new Refusal(
      `migrations/${module}/${open.name} is not sealed yet: complete it and freeze ${module} ${open.slug}`,
    );
  }
  return open;
}

async function freezeNext(server: Server, workspace: Workspace, draft: Draft): Promise<Frozen> {
  const { module, files, steps } = draft;
  const { step, source, byHand } = await planNext(server, workspace, draft);
  refuse(lintSettings(source, module, files));
  writeStep(workspace, module, step);
  const remaining =
    byHand.length > 0
      ? byHand
      : await problemsOf(server, workspace, { module, steps: [...steps, step], source });
  if (remaining.length > 0) return { step, outcome: "unsealed", remaining };
  seal(workspace, step);
  return { step, outcome: "sealed", remaining };
}

async function sealLast(
  server: Server,
  workspace: Workspace,
  { module, files, steps }: Draft,
): Promise<Frozen> {
  const step = steps.at(-1);
  if (step === undefined) throw new Refusal(`${module} has no history`);
  const left = [step.up, step.down].flatMap(({ path, text }) =>
    findByHand(text).map((line) => `${path}:${line}`),
  );
  refuseStep(step, left);
  const source = await buildSource(server, workspace, files);
  refuse(lintSettings(source, module, files));
  refuseStep(step, await problemsOf(server, workspace, { module, steps, source }));
  seal(workspace, step);
  return { step, outcome: "sealed", remaining: [] };
}

function refuseStep(step: Step, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new Refusal(
    `${step.name} is not complete; write what is missing, or delete the pair to have it written anew:`,
    ...problems.map((problem) => `  ${problem}`),
  );
}

async function problemsOf(
  server: Server,
  workspace: Workspace,
  claim: { module: string; steps: readonly Step[]; source: Catalog },
): Promise<string[]> {
  const problems = claim.steps.flatMap(({ up, down }) => [up, down].flatMap(lintStatements));
  return problems.length > 0 ? problems : proveHistory(server, workspace, claim);
}

function writeStep(workspace: Workspace, module: string, step: Step): void {
  mkdirSync(join(workspace.root, "migrations", module), { recursive: true });
  for (const file of [step.up, step.down])
    writeFileSync(join(workspace.root, file.path), file.text);
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new Refusal(...problems);
}
