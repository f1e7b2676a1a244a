import type { Catalog, Facet, Json } from "./catalog.ts";
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

/** What functions lack among the settings that go with them. */
export function lintSettings(
  catalog: Catalog,
  schema: string,
  files: readonly SqlFile[],
): string[] {
  return [...catalog.values()]
    .filter(({ kind, name }) => routineKinds.has(kind) && name.startsWith(`${schema}.`))
    .flatMap((facet) => {
      const place = placeOf(facet, files) ?? facet.key;
      return missingSettings(facet, schema).map((missing) => `${place}: ${missing}`);
    });
}

function missingSettings({ name, definition }: Facet, schema: string): string[] {
  const settings = JSON.stringify(definition["settings"]);
  const missing: string[] = [];
  // Names would resolve differently for each caller.
  if (!compiledLanguages.has(definition["language"]) && !settings.includes('"search_path=')) {
    missing.push(`pin the search path of ${name}: "set search_path = ${schema}, pg_temp"`);
  }
  // Up to version 17 what is turned off and used all the same costs so much on paper that such plans would be compiled.
  if (/"(enable_\w+|plan_cache_mode)=/.test(settings) && !settings.includes('"jit=off"')) {
    missing.push(`${name} pins its plans, so keep them from being compiled: "set jit = off"`);
  }
  return missing;
}

const routineKinds = new Set(["function", "procedure"]);

const compiledLanguages = new Set<Json | undefined>(["c", "internal"]);

/** Where a function of that name is created first; overloads share a file. */
function placeOf({ name }: Facet, files: readonly SqlFile[]): string | undefined {
  const wanted = withoutQuotes(name.slice(0, name.indexOf("(")));
  const statement = files
    .flatMap(readStatements)
    .find(({ text }) => withoutQuotes(createdRoutine.exec(text)?.[1] ?? "") === wanted);
  return statement && `${statement.path}:${statement.line}`;
}

const createdRoutine = /^create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+([^\s(]+)/i;

function withoutQuotes(name: string): string {
  return name.replaceAll('"', "");
}
