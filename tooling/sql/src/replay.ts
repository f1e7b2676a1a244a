import { buildCore } from "./build-source.ts";
import { readCatalog, readPrints, type Catalog, type Print, type Prints } from "./catalog.ts";
import { readDependencies, type Dependency } from "./dependencies.ts";
import { runStatement, type Scratch } from "./scratch.ts";
import { readStatements, type Statement } from "./split-statements.ts";
import type { SqlFile } from "./sql-file.ts";
import type { Workspace } from "./workspace.ts";

/** A database with the knowledge of which statement made what. */
export interface Built {
  readonly catalog: Catalog;
  readonly dependencies: readonly Dependency[];
  /** Every statement, in the order it ran. */
  readonly statements: readonly Statement[];
  /** The statements behind each facet: the one that made it and those that altered it since. */
  readonly definitions: ReadonlyMap<string, readonly Statement[]>;
  /** The facets that each statement made or changed; none when it only read or wrote rows. */
  readonly effects: ReadonlyMap<Statement, readonly string[]>;
}

/**
 * Runs files statement by statement and sees from the catalog what each one did. So no SQL has to be understood: a loop
 * in a `do` block and a plain `create` are told apart by nothing but their effect.
 */
export async function replay(
  scratch: Scratch,
  workspace: Workspace,
  files: readonly SqlFile[],
): Promise<Built> {
  await buildCore(scratch, workspace);
  const definitions = new Map<string, readonly Statement[]>();
  const effects = new Map<Statement, readonly string[]>();
  let before = await readPrints(scratch);
  for (const file of files) {
    await scratch.client.query("begin");
    for (const statement of readStatements(file)) {
      await runStatement(scratch, statement);
      const after = await readPrints(scratch);
      effects.set(statement, attribute(statement, { before, after, definitions }));
      before = after;
    }
    await scratch.client.query("commit");
  }
  const catalog = await readCatalog(scratch);
  const dependencies = await readDependencies(scratch, catalog);
  return { catalog, dependencies, statements: [...effects.keys()], definitions, effects };
}

/** Notes the statement behind every facet it changed, and gives their keys. */
function attribute(
  statement: Statement,
  {
    before,
    after,
    definitions,
  }: { before: Prints; after: Prints; definitions: Map<string, readonly Statement[]> },
): string[] {
  for (const key of before.keys()) if (!after.has(key)) definitions.delete(key);
  const changed = [...after.values()].filter((print) => print.hash !== before.get(print.key)?.hash);
  for (const print of changed) {
    const earlier = isAlteration(statement, print, before)
      ? (definitions.get(print.key) ?? [])
      : [];
    definitions.set(print.key, [...earlier, statement]);
  }
  return changed.map((print) => print.key);
}

/** Whether the statement changed an object that stands for the rest by its earlier statements. */
function isAlteration(statement: Statement, print: Print, before: Prints): boolean {
  return (
    before.get(print.key)?.address === print.address && !/^(create|comment)\b/i.test(statement.bare)
  );
}
