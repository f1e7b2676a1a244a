import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { acquireServer, createTestDatabase, newRunId, type ServerOfRun } from "@postkit/testkit";
import { measure, type MeasureOptions } from "./measure.ts";
import { report } from "./report.ts";
import type { Bench, BenchSettings } from "./shape.ts";

const usage =
  "usage: npm run bench -- <module> [--only <file>] [--rounds 7] [--slice-ms 400] [--scale 1]";

/** Runs the benchmarks of a module on a server of its own, prints them and writes them as JSON. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "7" },
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
    rounds: Number(values.rounds),
    sliceMs: Number(values["slice-ms"]),
    scale: Number(values.scale),
  };
  // Without the statistics that tests read, whose cost grows with a statement's length, and with memory for the data, as
  // a server that is set up for them has.
  await using server = await acquireServer({
    settings: { max_connections: 200, shared_buffers: "1GB" },
  });
  const run: ServerOfRun = { url: server.url, version: server.version, runId: newRunId() };
  for (const file of files) await runFile({ module, file, options, run });
  return 0;
}

interface FileRun {
  readonly module: string;
  readonly file: string;
  readonly options: Omit<MeasureOptions, "clients"> & BenchSettings;
  readonly run: ServerOfRun;
}

async function runFile({ module, file, options, run }: FileRun): Promise<void> {
  const { bench } = (await import(pathToFileURL(`packages/${module}/bench/${file}`).href)) as {
    bench: Bench;
  };
  await using database = await createTestDatabase({ server: run });
  const { shapes, close } = await bench.prepare(database, options);
  try {
    const measurements = await measure(shapes, { ...options, clients: bench.clients ?? 1 });
    console.log(
      `\n${bench.name}: PostgreSQL ${run.version}, Node ${process.version}, ${cpus().length} cores`,
    );
    console.log(report(measurements));
    mkdirSync("bench-results", { recursive: true });
    const result = {
      bench: bench.name,
      postgres: run.version,
      node: process.version,
      options,
      measurements,
    };
    writeFileSync(
      `bench-results/${module}-${basename(file, ".bench.ts")}.json`,
      `${JSON.stringify(result, null, 2)}\n`,
    );
  } finally {
    await close();
  }
}

process.exitCode = await main();
