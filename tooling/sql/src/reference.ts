import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readFunctionHeader, type FunctionHeader, type Row } from "./function-header.ts";
import { readModule, type SourceFile } from "./read-module.ts";
import { listModules, sourceFolder, type Workspace } from "./workspace.ts";
import { writeChanged } from "./write-changed.ts";

/** A public function of a module, and where the reference tells of it. */
interface Entry extends FunctionHeader {
  readonly module: string;
  readonly noun: string;
  /** Its name in the typed client, if it is there. */
  readonly method: string | undefined;
}

/** Writes a page for each noun of each module, and its contents; returns the files that changed or are gone. */
export function writeReference(workspace: Workspace): string[] {
  const pages = referencePages(workspace);
  const gone = existingPages(workspace).filter((path) => !pages.has(path));
  for (const path of gone) rmSync(join(workspace.root, path));
  const changed = [...pages].filter(([path, text]) =>
    writeChanged(join(workspace.root, path), text),
  );
  return [...changed.map(([path]) => path), ...gone];
}

/** A line for each page of a module that is not as its sources say, in a tree with documentation. */
export function findStaleReference(workspace: Workspace, module: string): string[] {
  if (!existsSync(join(workspace.root, "docs"))) return [];
  const pages = referencePages(workspace);
  return [...new Set([...pages.keys(), ...existingPages(workspace)])]
    .filter((path) => path.startsWith(`${folder}/${module}/`))
    .filter((path) => read(join(workspace.root, path)) !== pages.get(path))
    .map((path) => `${path} is not what the SQL says: npm run sql -- docs`);
}

const folder = "docs/reference";

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function existingPages({ root }: Workspace): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);
}

/** The text of each page by its path. */
function referencePages(workspace: Workspace): Map<string, string> {
  const entries = listModules(workspace).flatMap((module) => readEntries(workspace, module));
  const places = new Map(entries.map((entry) => [entry.name, entry]));
  const pages = new Map<string, string>();
  for (const [module, own] of groupBy(entries, (entry) => entry.module)) {
    pages.set(`${folder}/${module}/README.md`, contents(module, own));
  }
  for (const [path, own] of groupBy(entries, pathOf)) pages.set(path, page(own, places));
  return pages;
}

function readEntries(workspace: Workspace, module: string): Entry[] {
  const methods = clientMethods(workspace, module);
  return readModule(workspace, module)
    .filter(isPublicFunction)
    .map((file) => {
      const header = readFunctionHeader(file);
      const [noun = ""] = file.name.split("/");
      const method = camelCase(header.name.slice(header.name.indexOf(".") + 1));
      return { ...header, module, noun, method: methods.has(method) ? method : undefined };
    });
}

/** One public function a file, which has its name; tables, types and what is private have none. */
function isPublicFunction({ name, text }: SourceFile): boolean {
  const [, own] = /\/([a-z]\w*)\.sql$/.exec(name) ?? [];
  return (
    own !== undefined &&
    new RegExp(`^create (or replace )?function \\w+\\.${own}\\(`, "m").test(text)
  );
}

/** Methods of the interfaces that make up the module's client. */
function clientMethods(workspace: Workspace, module: string): Set<string> {
  const source = sourceFolder(workspace, module);
  const files = existsSync(source)
    ? readdirSync(source).filter((name) => name.endsWith(".ts"))
    : [];
  return new Set(
    files.flatMap((name) =>
      [...readFileSync(join(source, name), "utf8").matchAll(/^ {2}(\w+)(?:<.*)?\(/gm)].map(
        ([, method = ""]) => method,
      ),
    ),
  );
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function pathOf({ module, noun }: Entry): string {
  return `${folder}/${module}/${noun}.md`;
}

const banner = "<!-- Generated from the SQL by `npm run sql -- docs`. -->\n";

function contents(module: string, entries: readonly Entry[]): string {
  const nouns = [...groupBy(entries, ({ noun }) => noun)].map(
    ([noun, own]) =>
      `- [${noun}](${noun}.md): ${own.map(({ name }) => `\`${unqualified(name)}\``).join(", ")}`,
  );
  return `${banner}# ${module}: reference

Every public function by its noun: as SQL, which any language can call, with the method of the typed client that calls it.
The guide is [docs/${module}.md](../../${module}.md).

${nouns.join("\n")}
`;
}

function page(entries: readonly Entry[], places: ReadonlyMap<string, Entry>): string {
  const [{ module, noun } = { module: "", noun: "" }] = entries;
  const links = entries.map(
    ({ name, summary }) =>
      `- [\`${unqualified(name)}\`](#${anchor(name)}): ${inline(summary, places, name)}`,
  );
  return `${banner}# ${module}: ${noun}

${links.join("\n")}

${entries.map((entry) => describe(entry, places)).join("\n")}`;
}

function describe(entry: Entry, places: ReadonlyMap<string, Entry>): string {
  const { name, summary, paragraphs, sections, example, signature, module, method } = entry;
  const say = (text: string) => inline(text, places, name);
  return [
    `## ${name}`,
    `${capitalized(say(summary))}.`,
    ...paragraphs.map(say),
    fenced("sql", signature),
    ...(method === undefined ? [] : [`In TypeScript: \`postkit.${module}.${method}(…)\``]),
    ...sections.flatMap(({ label, text, lines, rows }) => [
      `**${label}** ${say(text)}`.trim(),
      ...(lines.length === 0 ? [] : [fenced("", lines.join("\n"))]),
      ...(rows.length === 0 ? [] : [table(rows, say)]),
    ]),
    ...(example === undefined ? [] : [fenced("sql", example)]),
  ]
    .join("\n\n")
    .concat("\n");
}

function table(rows: readonly Row[], say: (text: string) => string): string {
  const lines = rows.map(({ names, text }) => {
    const marked = names.map((name) => (/^\w+$/.test(name) ? `\`${name}\`` : name));
    return `| ${marked.join(", ")} | ${say(text).replaceAll("|", "\\|")} |`;
  });
  return ["| | |", "| --- | --- |", ...lines].join("\n");
}

/** Marks parameters and codes as such, and links other functions. */
function inline(text: string, places: ReadonlyMap<string, Entry>, own: string): string {
  const from = places.get(own);
  return text
    .replace(/[<>*]/g, "\\$&")
    .replace(/\b(?:p_\w+|[A-Z]+(?:_[A-Z]+)+)\b/g, "`$&`")
    .replace(/\b[a-z]+\.[a-z_]+\b/g, (name) => {
      const place = places.get(name);
      if (place === undefined || from === undefined || name === own) return name;
      const path =
        place.noun === from.noun && place.module === from.module ? "" : relativePath(from, place);
      return `[${name}](${path}#${anchor(name)})`;
    });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function relativePath(from: Entry, to: Entry): string {
  return from.module === to.module ? `${to.noun}.md` : `../${to.module}/${to.noun}.md`;
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

/** As GitHub makes it of a heading. */
function anchor(name: string): string {
  return name.replace(".", "");
}

function unqualified(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
