import type { Catalog } from "./catalog.ts";
import { readStatements } from "./split-statements.ts";
import type { SqlFile } from "./sql-file.ts";

/** Statements that a step must not hold, since all steps of all modules run in one transaction. */
export function lintStatements(file: SqlFile): string[] {
  return readStatements(file).flatMap(({ bare, path, line }) => {
    const control =
      /^(begin|start|commit|end|rollback|abort|savepoint|release|prepare transaction)\b/i.exec(
        bare,
      );
    if (control !== null)
      return [`${path}:${line}: ${control[0]}: every step runs inside one transaction already`];
    if (/^set\s+(local\s+|session\s+)?search_path\b/i.test(bare)) {
      return [
        `${path}:${line}: qualify names instead: the search path would leak into other steps`,
      ];
    }
    if (/\bbegin\s+atomic\b/i.test(bare)) {
      return [`${path}:${line}: put the body in quotes: this tool does not read begin atomic`];
    }
    if (/\bconcurrently\b/i.test(bare))
      return [`${path}:${line}: concurrently cannot run inside a transaction`];
    return [];
  });
}

/** Functions whose names would resolve differently for each caller. */
export function lintSearchPaths(catalog: Catalog, schema: string): string[] {
  return [...catalog.values()]
    .filter(
      ({ kind, name }) =>
        (kind === "function" || kind === "procedure") && name.startsWith(`${schema}.`),
    )
    .filter(
      ({ definition }) => definition["language"] !== "c" && definition["language"] !== "internal",
    )
    .filter(({ definition }) => !JSON.stringify(definition["settings"]).includes('"search_path='))
    .map(
      ({ key }) =>
        `${key} does not pin its search_path: add "set search_path = ${schema}, pg_temp"`,
    );
}
