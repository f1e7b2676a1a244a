import { rowInstructions } from "./by-hand.ts";
import type { Catalog } from "./catalog.ts";
import { lostData } from "./data-loss.ts";
import { stepName, type Step } from "./history.ts";
import type { SourceFile } from "./read-module.ts";
import { Refusal } from "./refusal.ts";
import { replay } from "./replay.ts";
import { withScratch } from "./scratch.ts";
import type { Server } from "./server.ts";
import { stepText } from "./step-text.ts";
import { isEmpty, planTransition } from "./transition.ts";
import type { Workspace } from "./workspace.ts";

/** A module's history, its source, and the name of the step that leads from one to the other. */
export interface Draft {
  readonly module: string;
  readonly slug: string;
  readonly steps: readonly Step[];
  readonly files: readonly SourceFile[];
}

/** Works out the step that brings a database from the end of the history to the source, and back. */
export async function planNext(
  server: Server,
  workspace: Workspace,
  { module, slug, steps, files }: Draft,
): Promise<{ step: Step; source: Catalog; byHand: readonly string[] }> {
  return withScratch(server, (oldScratch) =>
    withScratch(server, async (newScratch) => {
      const [history, source] = await Promise.all([
        replay(
          oldScratch,
          workspace,
          steps.map((step) => step.up),
        ),
        replay(newScratch, workspace, files),
      ]);
      const forth = await planTransition(oldScratch, history, source);
      const rows = rowInstructions(history, source);
      const up = { ...forth, byHand: [...forth.byHand, ...rows] };
      const down = await planTransition(newScratch, source, history);
      if (isEmpty(up) && isEmpty(down)) {
        throw new Refusal(`${module}: nothing changed since ${steps.at(-1)?.name}`);
      }
      const number = steps.length + 1;
      const name = stepName(number, slug);
      const path = `migrations/${module}/${name}`;
      return {
        source: source.catalog,
        byHand: [...up.byHand, ...down.byHand.map((instruction) => `and back: ${instruction}`)],
        step: {
          number,
          slug,
          name,
          up: { path: `${path}.up.sql`, text: stepText(up, []) },
          down: {
            path: `${path}.down.sql`,
            text: stepText(down, lostData(source.catalog, history.catalog)),
          },
        },
      };
    }),
  );
}
