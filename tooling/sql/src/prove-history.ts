import { buildCore } from "./build-source.ts";
import { readCatalog, type Catalog } from "./catalog.ts";
import { differenceLines } from "./compare.ts";
import { missingDataLossHeader } from "./data-loss.ts";
import type { Step } from "./history.ts";
import { runSql, withScratch, type Scratch } from "./scratch.ts";
import type { Server } from "./server.ts";
import type { Workspace } from "./workspace.ts";

/** What a history must live up to. */
export interface Claim {
  readonly module: string;
  readonly steps: readonly Step[];
  /** What the module's source builds. */
  readonly source: Catalog;
}

/** Tries a whole history forth and back; gives what is wrong with it, nothing when all holds. */
export async function proveHistory(server: Server, workspace: Workspace, claim: Claim): Promise<string[]> {
  return withScratch(server, async (scratch) => {
    const problems: string[] = [];
    const before = await buildCore(scratch, workspace);
    let reached = before;
    for (const step of claim.steps) {
      await runSql(scratch, step.up);
      const after = await readCatalog(scratch);
      problems.push(...(await proveStep(scratch, step, { before: reached, after })));
      reached = after;
    }
    problems.push(...differenceLines(reached, claim.source, { before: "migrations/", after: "sql/" }));
    for (const step of claim.steps.toReversed()) await runSql(scratch, step.down);
    const left = differenceLines(before, await readCatalog(scratch), { before: "an empty database", after: "what is left" });
    return [...problems, ...left.map((line) => `migrations/${claim.module}: taking back every step is no full down: ${line}`)];
  });
}

async function proveStep(
  scratch: Scratch,
  step: Step,
  { before, after }: { before: Catalog; after: Catalog },
): Promise<string[]> {
  await runSql(scratch, step.down);
  const restored = await readCatalog(scratch);
  await runSql(scratch, step.up);
  const again = await readCatalog(scratch);
  return [
    ...missingDataLossHeader(step.down, after, restored),
    ...differenceLines(before, restored, { before: "the step before", after: "what down restores" }).map(
      (line) => `${step.down.path} does not restore what was before: ${line}`,
    ),
    ...differenceLines(after, again, { before: "the first run", after: "the second" }).map(
      (line) => `${step.up.path} gives something else after a down: ${line}`,
    ),
  ];
}
