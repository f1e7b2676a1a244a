import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { Workspace } from "../src/workspace.ts";

/** A tree of its own with one module called `demo`, gone at the end of the block. */
export interface Fixture extends Workspace, Disposable {
  write(path: string, text: string): void;
  read(path: string): string;
  /** Changes a file of the module's source. */
  edit(name: string, from: string, to: string): void;
}

/** Lays out a module from its files, loaded in the order given. */
export function createFixture(files: Readonly<Record<string, string>>): Fixture {
  const root = mkdtempSync(join(tmpdir(), "postkit-sql-"));
  const fixture: Fixture = {
    root,
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    read: (path) => readFileSync(join(root, path), "utf8"),
    edit(name, from, to) {
      const path = `packages/demo/sql/${name}`;
      const text = fixture.read(path);
      if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
      fixture.write(path, text.replace(from, to));
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
  fixture.write("packages/demo/package.json", JSON.stringify({ version: "0.0.0" }));
  writeSource(fixture, files);
  return fixture;
}

/** Writes the module's source files and a `module.sql` that loads them. */
export function writeSource(fixture: Fixture, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files))
    fixture.write(`packages/demo/sql/${name}`, text);
  const lines = Object.keys(files).map((name) => `\\ir ${name}\n`);
  fixture.write("packages/demo/sql/module.sql", lines.join(""));
}
