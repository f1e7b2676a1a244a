import type { PackedPackage } from "./pack.ts";
import { readManifest } from "./public-packages.ts";

const required = ["description", "license", "engines", "exports", "files"];

/** What in a published manifest would not work outside the workspace, or is missing. */
export function manifestProblems({ unpacked }: PackedPackage): string[] {
  const manifest = readManifest(unpacked);
  const text = JSON.stringify(manifest);
  const problems = required
    .filter((key) => manifest[key] === undefined)
    .map((key) => `package.json has no ${key}`);
  for (const inside of ["workspace:", "link:", "file:", "@postkit/source", "./src/"]) {
    if (text.includes(inside)) problems.push(`package.json contains ${inside}`);
  }
  return problems;
}
