import { existsSync } from "node:fs";
import { join } from "node:path";

import { executable } from "./platform.ts";
import type { PostgresVersion } from "./versions.ts";

/** The folder of programs of a PostgreSQL that the operating system has installed in one of the usual places. */
export function findSystemBinaries(version: PostgresVersion): string | undefined {
  return usualFolders(version).find(hasServerPrograms);
}

/** Whether both programs this package needs are in the folder. */
export function hasServerPrograms(binDir: string): boolean {
  return ["initdb", "postgres"].every((name) => existsSync(join(binDir, executable(name))));
}

function usualFolders(version: PostgresVersion): string[] {
  return [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
    `/usr/libexec/postgresql${version}`,
    `/opt/homebrew/opt/postgresql@${version}/bin`,
    `/usr/local/opt/postgresql@${version}/bin`,
    `/Applications/Postgres.app/Contents/Versions/${version}/bin`,
    `C:\\Program Files\\PostgreSQL\\${version}\\bin`,
  ];
}
