import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundle, copyToDist } from "./bundle.ts";
import type { Report } from "./check.ts";
import { writeReference } from "./reference.ts";
import { Refusal } from "./refusal.ts";
import type { Server } from "./server.ts";
import { coreName, requireModule, type Workspace } from "./workspace.ts";

const usage = `npm run sql -- <command>

  bundle [--dist <module>]   inline the SQL into packages/*/src/*.gen.ts; with --dist also copy the
                             module's history into its dist/ folder
  freeze <module> <slug>     write the next step of a module's history, or seal the one being written
  check [--json] [module…]   prove that history and source agree
  docs                       write docs/reference from the headers of the SQL

  --root <folder>            work on another tree
  --server <url>             superuser's URL of a PostgreSQL 18 to use instead of an embedded one`;

process.exitCode = await main(process.argv.slice(2)).catch(report);

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const workspace: Workspace = {
    root: values.root ?? fileURLToPath(new URL("../../../", import.meta.url)),
  };
  const [command, ...operands] = positionals;
  if (command === "bundle" && operands.length === 0) return runBundle(workspace, values.dist);
  if (command === "check")
    return runCheck(workspace, { modules: operands, json: values.json, serverUrl: values.server });
  if (command === "docs" && operands.length === 0) return runDocs(workspace);
  const [module, slug] = operands;
  if (command === "freeze" && module !== undefined && slug !== undefined && operands.length === 2) {
    return runFreeze(workspace, { module, slug, serverUrl: values.server });
  }
  throw new Refusal(usage);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        dist: { type: "string" },
        json: { type: "boolean", default: false },
        root: { type: "string" },
        server: { type: "string" },
      },
    });
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error), "", usage);
  }
}

function runBundle(workspace: Workspace, dist: string | undefined): number {
  for (const path of bundle(workspace)) console.error(`wrote ${relative(workspace.root, path)}`);
  if (dist !== undefined && dist !== coreName) {
    requireModule(workspace, dist);
    copyToDist(workspace, dist);
  }
  return 0;
}

function runDocs(workspace: Workspace): number {
  for (const path of writeReference(workspace)) console.error(`wrote ${path}`);
  return 0;
}

async function runFreeze(
  workspace: Workspace,
  { module, slug, serverUrl }: { module: string; slug: string; serverUrl: string | undefined },
): Promise<number> {
  const { freeze } = await import("./freeze.ts");
  const frozen = await withServer(serverUrl, (server) =>
    freeze(server, workspace, { module, slug }),
  );
  const path = `migrations/${module}/${frozen.step.name}`;
  if (frozen.outcome === "unchanged") console.error(`${path} is up to date`);
  if (frozen.outcome === "sealed") console.error(`sealed ${path}`);
  if (frozen.outcome === "unsealed") {
    console.error(`wrote ${path}; complete it by hand, then freeze ${module} ${slug} again:`);
    for (const line of frozen.remaining) console.error(`  ${line}`);
  }
  return 0;
}

async function runCheck(
  workspace: Workspace,
  {
    modules,
    json,
    serverUrl,
  }: { modules: readonly string[]; json: boolean; serverUrl: string | undefined },
): Promise<number> {
  const { check } = await import("./check.ts");
  const reports = await withServer(serverUrl, (server) => check(server, workspace, modules));
  if (json) console.log(JSON.stringify(reports, null, 2));
  else for (const report of reports) printReport(report);
  return reports.some((report) => report.problems.length > 0) ? 1 : 0;
}

function printReport({ module, files, steps, durationMs, problems }: Report): void {
  const facts = `${files} files, ${steps} steps, ${durationMs} ms`;
  console.log(problems.length === 0 ? `ok      ${module}: ${facts}` : `failed  ${module}`);
  for (const problem of problems) console.log(`  ${problem}`);
}

async function withServer<Result>(
  url: string | undefined,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  const { openServer } = await import("./server.ts");
  const server = await openServer(url);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

function report(error: unknown): number {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  return 1;
}
