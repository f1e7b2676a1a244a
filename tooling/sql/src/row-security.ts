import type { Facet } from "./catalog.ts";

/** Statements that turn row security of a table from one state into another; a missing facet means off. */
export function rowSecurityStatements(
  before: Facet | undefined,
  after: Facet | undefined,
): string[] {
  const table = (after ?? before)?.name;
  return [
    ...change("enabled", { on: "enable", off: "disable" }),
    ...change("forced", { on: "force", off: "no force" }),
  ].map((words) => `alter table ${table} ${words} row level security;`);

  function change(property: string, words: { on: string; off: string }): string[] {
    const [was, is] = [before?.definition[property] === true, after?.definition[property] === true];
    if (was === is) return [];
    return [is ? words.on : words.off];
  }
}
