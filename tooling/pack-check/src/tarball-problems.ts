import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";

import type { PackedPackage } from "./pack.ts";
import { root } from "./public-packages.ts";

const expected = [
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE$/,
  /^CHANGELOG\.md$/,
  /^dist\/[\w/-]+\.(js|d\.ts)$/,
  /^dist\/[\w/-]+\.gen\.(js|d\.ts)$/,
  /^dist\/migrations\/[a-z]+\/\d{4}_\w+\.(up|down)\.sql$/,
];
const pathsOfThisMachine = [root, homedir()].filter((path) => path.length > 2);

/** What a tarball holds and should not, or should hold and does not. */
export function tarballProblems({ unpacked, isModule, module }: PackedPackage): string[] {
  const files = filesBelow(unpacked);
  const problems = files
    .filter((file) => !expected.some((pattern) => pattern.test(file)))
    .map((file) => `unexpected file ${file}`);

  for (const file of ["LICENSE", "dist/index.js", "dist/index.d.ts"]) {
    if (!files.includes(file)) problems.push(`no ${file}`);
  }
  if (isModule) problems.push(...historyProblems(files, module));

  for (const file of files) {
    const text = readFileSync(join(unpacked, file), "utf8");
    for (const path of pathsOfThisMachine.filter((path) => text.includes(path))) {
      problems.push(`${file} contains the path ${path}`);
    }
  }
  return problems;
}

function historyProblems(files: readonly string[], module: string): string[] {
  const shipped = files.filter((file) => file.startsWith("dist/migrations/"));
  const history = filesBelow(join(root, "migrations", module)).map(
    (file) => `dist/migrations/${module}/${file}`,
  );
  return [
    ...(history.length === 0 ? ["the module has no migrations"] : []),
    ...history.filter((file) => !shipped.includes(file)).map((file) => `no ${file}`),
    ...shipped.filter((file) => !history.includes(file)).map((file) => `stale ${file}`),
  ];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort((a, b) => a.localeCompare(b));
}
