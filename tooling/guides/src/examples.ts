import { mkdir, readFile, writeFile } from "node:fs/promises";

/** One block of a guide, or of a docstring. */
export interface Example {
  readonly language: "ts" | "sql";
  readonly code: string;
  /** Where it begins in its file. */
  readonly line: number;
}

/** The blocks that begin with "```ts" or "```sql" and nothing after it, in the order of the text. */
export async function readGuide(file: URL): Promise<Example[]> {
  const text = await readFile(file, "utf8");
  return [...text.matchAll(/^```(ts|sql)\n(.*?)^```$/gms)].map(
    ({ 1: language, 2: code = "", index }) => ({
      language: language === "sql" ? "sql" : "ts",
      code,
      line: lineAt(text, index),
    }),
  );
}

/** The code after each `@example` of a source file. `…` at the end of a line is what a reader would do there. */
export async function readDocstrings(file: URL): Promise<Example[]> {
  const text = await readFile(file, "utf8");
  return [...text.matchAll(/^ *\* @example\n((?: *\* (?!@).+\n)+)/gm)].map(
    ({ 1: code = "", index }) => ({
      language: "ts",
      code: code.replaceAll(/^ *\* /gm, "").replaceAll(/ …$/gm, " {}"),
      line: lineAt(text, index),
    }),
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/**
 * Writes the TypeScript among the examples as a module: `examples`, each with its line and a function that runs it with
 * what `names` there are, and with `gives`, which is told what a statement gave and what is said behind it.
 *
 * @param types what the module has before the examples: the types `World` and `Gives`
 */
export async function writeExamples(
  path: URL,
  examples: readonly Example[],
  { names, types }: { readonly names: readonly string[]; readonly types: string },
): Promise<void> {
  const programs = examples.filter(({ language }) => language === "ts");
  const blocks = programs.map(
    ({ code, line }) =>
      `examples.push({ line: ${line}, run: async ({ ${names.join(", ")} }, gives) => {{\n${withExpectations(code.replaceAll(typeImport, ""))}\n}} });\n`,
  );
  // Types cannot be imported inside a function.
  const typeImports = new Set(programs.flatMap(({ code }) => code.match(typeImport) ?? []));
  const list =
    "export const examples: { line: number; run: (world: World, gives: Gives) => Promise<void> }[] = [];";
  await mkdir(new URL(".", path), { recursive: true });
  await writeFile(path, [types, ...typeImports, list, ...blocks].join("\n"));
}

const typeImport = /^import type .+$/gm;

/**
 * Code in which each statement that has a value as a comment behind it, or in the line below, hands both to `gives`:
 * `await …; // true`. Imports become part of the function.
 */
function withExpectations(code: string): string {
  const lines = code
    .replaceAll(/^import \{ (.+) \} from (".+");$/gm, "const { $1 } = await import($2);")
    .split("\n");
  const written: string[] = [];
  lines.forEach((line, index) => {
    const [, statementEnd, comment] = /^(.*;) \/\/ (.+)$/.exec(line) ?? [];
    const below = /^\/\/ (.+)$/.exec(lines[index + 1] ?? "")?.[1];
    const value = valueOf(comment ?? below);
    written.push(statementEnd ?? line);
    if (value === undefined || !(statementEnd ?? line).endsWith(";")) return;
    // A statement begins at the last line that is neither indented nor a closing bracket.
    const first = written.findLastIndex((text) => /^[^\s)\]}]/.test(text));
    const statement = written.splice(first).join("\n");
    const declared = /^const (\w+) =/.exec(statement)?.[1];
    written.push(
      declared === undefined
        ? `gives(${statement.slice(0, -1)}, ${value});`
        : `${statement}\ngives(${declared}, ${value});`,
    );
  });
  return written.join("\n");
}

/** What a comment says, when it is a value, with or without a remark behind a colon. */
function valueOf(comment: string | undefined): string | undefined {
  const values = /^(true|false|null|-?\d+|"[^"]*"|\[.*\]|new Date\(".*"\))(?:: .*)?$/;
  return comment === undefined ? undefined : values.exec(comment)?.[1];
}
