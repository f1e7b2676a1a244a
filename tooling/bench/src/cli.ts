import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import {
  type AcquiredServer,
  acquireServer,
  createTestDatabase,
  newRunId,
  type ServerOfRun,
} from "@postkit/testkit";
import { compete, type Outcome } from "./compete.ts";
import type { Contest } from "./contest.ts";
import { contestReport } from "./contest-report.ts";
import { acquireDurableServer, measureCommitMs } from "./durable-server.ts";
import { measure } from "./measure.ts";
import { report } from "./report.ts";
import type { Bench } from "./shape.ts";

const usage =
  "usage: npm run bench -- <module> [--only <file>] [--rounds 7, of a contest 5] [--slice-ms 400] [--scale 1]";

/** Runs the benchmarks of a module on servers of their own, prints them and writes them as JSON. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      rounds: { type: "string" },
      "slice-ms": { type: "string", default: "400" },
      scale: { type: "string", default: "1" },
    },
  });
  const [module] = positionals;
  const folder = `packages/${module}/bench`;
  if (module === undefined || positionals.length > 1 || !existsSync(folder)) {
    console.error(usage);
    return 2;
  }
  const files = readdirSync(folder).filter(
    (file) => file.endsWith(".bench.ts") && file.includes(values.only ?? ""),
  );
  const options = {
    ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
    sliceMs: Number(values["slice-ms"]),
    scale: Number(values.scale),
  };
  for (const file of files) {
    const { bench, contest } = (await import(pathToFileURL(`${folder}/${file}`).href)) as {
      bench?: Bench;
      contest?: Contest;
    };
    const result = `${module}-${basename(file, ".bench.ts")}.json`;
    if (bench !== undefined) await runBench({ bench, result, options });
    if (contest !== undefined) await runContest({ contest, result, options });
  }
  return 0;
}

interface RunOptions {
  readonly rounds?: number;
  readonly sliceMs: number;
  readonly scale: number;
}

interface BenchRun {
  readonly bench: Bench;
  /** Name of the file for its results. */
  readonly result: string;
  readonly options: RunOptions;
}

async function runBench({ bench, result, options }: BenchRun): Promise<void> {
  // Without the statistics that tests read, whose cost grows with a statement's length, and with memory for the data, as
  // a server that is set up for them has.
  await using server = await acquireServer({
    settings: { max_connections: 200, shared_buffers: "1GB" },
  });
  const run = withRunId(server);
  await using database = await createTestDatabase({ server: run });
  const settings = { rounds: 7, ...options };
  const { shapes, close } = await bench.prepare(database, settings);
  try {
    const measurements = await measure(shapes, { ...settings, clients: bench.clients ?? 1 });
    console.log(`\n${bench.name}: ${machine(run)}`);
    console.log(report(measurements));
    write(result, { bench: bench.name, ...versions(run), options: settings, measurements });
  } finally {
    await close();
  }
}

interface ContestRun {
  readonly contest: Contest;
  /** Name of the file for its results. */
  readonly result: string;
  readonly options: RunOptions;
}

async function runContest({ contest, result, options }: ContestRun): Promise<void> {
  await using server = await acquireDurableServer();
  const run = withRunId(server);
  const commitMs = await measureCommitMs(server.url);
  console.log(`\n${contest.name}: ${machine(run)}, ${commitMs.toFixed(2)} ms a commit`);
  const settings = { rounds: 5, ...options };
  const outcomes: Outcome[] = [];
  for (const discipline of contest.disciplines(settings)) {
    const openDatabase = () => createTestDatabase({ server: run });
    const outcome = await compete(discipline, { rounds: settings.rounds, openDatabase });
    console.log(contestReport(outcome));
    outcomes.push(outcome);
    // Written after each, since a contest may take an hour and be cut short.
    write(result, {
      contest: contest.name,
      ...versions(run),
      commitMs,
      options: settings,
      outcomes,
    });
  }
}

function withRunId({ url, version }: AcquiredServer): ServerOfRun {
  return { url, version, runId: newRunId() };
}

function machine(run: ServerOfRun): string {
  return `PostgreSQL ${run.version}, Node ${process.version}, ${cpus().length} cores`;
}

function versions(run: ServerOfRun): { postgres: number; node: string } {
  return { postgres: run.version, node: process.version };
}

function write(file: string, result: object): void {
  mkdirSync("bench-results", { recursive: true });
  writeFileSync(`bench-results/${file}`, `${JSON.stringify(result, null, 2)}\n`);
}

process.exitCode = await main();
