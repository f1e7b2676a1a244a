import { execFile } from "node:child_process";
import { readdir, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type pg from "pg";
import { readDocstrings, readGuide, writeExamples } from "./examples.ts";
import { runSql } from "./run-sql.ts";

/** Asserts what an example says behind a statement. */
export type Gives = <T>(given: T, said: NoInfer<T>) => void;

/** What a statement of an example gave, and what is said behind it; `at` is the place of the example. */
export interface Told {
  readonly at: string;
  readonly given: unknown;
  readonly said: unknown;
}

/** Compiles and runs the examples of guides and docstrings, for one test file. */
export interface Workshop<World> {
  /** Runs the examples of a guide in their order, each in a world of its own. */
  run(guide: string, pool: pg.Pool, world: () => World): Promise<Told[]>;
  /** Compiles the examples of these guides, and of the docstrings below these folders of sources. */
  compile(
    guides: readonly string[],
    sources: readonly string[],
  ): Promise<{ stdout: string; stderr: string }>;
}

interface ExamplesModule<World> {
  readonly examples: { line: number; run: (world: World, gives: unknown) => Promise<void> }[];
}

const root = new URL("../../../", import.meta.url);

/**
 * @param options.testUrl `import.meta.url` of a test file that exports the interface `World`: what the examples use
 * without saying where it comes from. Two folders below the root, as `packages/queue/test/`.
 * @param options.names the names in it
 */
export function createWorkshop<World>({
  testUrl,
  names,
}: {
  readonly testUrl: string;
  readonly names: readonly (keyof World & string)[];
}): Workshop<World> {
  const test = basename(fileURLToPath(testUrl));
  /** Ignored by git. */
  const folder = new URL(`../.postkit/${test.replaceAll(/\W/g, "-")}/`, testUrl);
  const types = `import type { Gives } from "@postkit/guides";
import type { World } from "../../test/${test}";`;
  const moduleOf = (path: string) => new URL(`${path.replaceAll(/\W/g, "-")}.ts`, folder);
  const write = async (path: string, read: typeof readGuide) => {
    const examples = await read(new URL(path, root));
    if (examples.length > 0) await writeExamples(moduleOf(path), examples, { names, types });
    return examples;
  };
  return {
    async run(guide, pool, world) {
      const told: Told[] = [];
      const written = await write(guide, readGuide);
      const { examples } = (await import(moduleOf(guide).href)) as ExamplesModule<World>;
      for (const { language, code, line } of written) {
        const at = `${guide}:${line}`;
        const gives = (given: unknown, said: unknown) => told.push({ at, given, said });
        const run = examples.find((candidate) => candidate.line === line)?.run;
        const running = language === "sql" ? runSql(pool, code, gives) : run?.(world(), gives);
        await running?.catch((cause: unknown) => {
          throw new Error(`${at}: ${String(cause)}`, { cause });
        });
      }
      return told;
    },
    async compile(guides, sources) {
      await rm(folder, { recursive: true, force: true });
      for (const guide of guides) await write(guide, readGuide);
      for (const source of sources) {
        const files = await readdir(new URL(source, root), { recursive: true });
        for (const file of files.filter((name) => name.endsWith(".ts"))) {
          await write(`${source}/${file}`, readDocstrings);
        }
      }
      const project = fileURLToPath(new URL("tsconfig.json", folder));
      const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false };
      const settings = { extends: "../../../../tsconfig.json", compilerOptions, include: ["*.ts"] };
      await writeFile(project, JSON.stringify(settings));
      const compiler = fileURLToPath(new URL("node_modules/typescript/bin/tsc", root));
      const compiling = promisify(execFile)(process.execPath, [compiler, "-p", project]);
      return compiling.catch((error: unknown) => error as { stdout: string; stderr: string });
    },
  };
}
