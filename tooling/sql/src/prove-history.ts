import { buildCore } from "./build-source.ts";
import { readCatalog, type Catalog } from "./catalog.ts";
import { differenceLines } from "./compare.ts";
import { missingDataLossHeader } from "./data-loss.ts";
import type { Step } from "./history.ts";
import { Refusal } from "./refusal.ts";
import { runSql, undone, withScratch, type Scratch } from "./scratch.ts";
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
export async function proveHistory(
  server: Server,
  workspace: Workspace,
  claim: Claim,
): Promise<string[]> {
  return withScratch(server, async (scratch) => {
    const empty = await buildCore(scratch, workspace);
    const problems: string[] = [];
    await walk(scratch, { ...claim, empty }, problems).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      problems.push(...error.lines);
    });
    return problems;
  });
}

/** Goes on as long as steps can be run; a refusal leaves what was found before it. */
async function walk(
  scratch: Scratch,
  { module, steps, source, empty }: Claim & { empty: Catalog },
  problems: string[],
): Promise<void> {
  let reached = empty;
  for (const [index, step] of steps.entries()) {
    await runTogether(scratch, steps.slice(index));
    await runSql(scratch, step.up);
    const after = await readCatalog(scratch);
    await proveDown(scratch, step, { before: reached, after }, problems);
    reached = after;
  }
  problems.push(...differenceLines(reached, source, { before: "migrations/", after: "sql/" }));
  for (const step of steps.toReversed()) await runSql(scratch, step.down);
  const sides = { before: "an empty database", after: "what is left" };
  problems.push(
    ...differenceLines(empty, await readCatalog(scratch), sides).map(
      (line) => `migrations/${module}: taking back every step is no full down: ${line}`,
    ),
  );
}

/** Every database takes all the steps it lacks in one transaction, wherever it stands. */
async function runTogether(scratch: Scratch, steps: readonly Step[]): Promise<void> {
  const names = steps.map((step) => step.name).join(", ");
  await undone(scratch, async () => {
    for (const step of steps) await runSql(scratch, step.up);
  }).catch((error: unknown) => {
    if (!(error instanceof Refusal) || steps.length === 1) throw error;
    throw new Refusal(...error.lines, `  with ${names} in one transaction, as migrate() runs them`);
  });
}

async function proveDown(
  scratch: Scratch,
  step: Step,
  { before, after }: { before: Catalog; after: Catalog },
  problems: string[],
): Promise<void> {
  await runSql(scratch, step.down);
  const restored = await readCatalog(scratch);
  problems.push(
    ...missingDataLossHeader(step.down, after, restored),
    ...differenceLines(before, restored, {
      before: "the step before",
      after: "what down restores",
    }).map((line) => `${step.down.path} does not restore what was before: ${line}`),
  );
  await runSql(scratch, step.up);
  const again = await readCatalog(scratch);
  problems.push(
    ...differenceLines(after, again, { before: "the first run", after: "the second" }).map(
      (line) => `${step.up.path} gives something else after a down: ${line}`,
    ),
  );
}
