import { writeFile } from "node:fs/promises";
import { installScript } from "@postkit/core";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { selectModules } from "../find-modules.ts";
import type { OutputOptions } from "../options.ts";
import { printText, say } from "../output.ts";

export interface SqlOptions extends OutputOptions {
  output?: string;
}

/** Writes the script that installs modules with psql. */
export async function sql(names: readonly string[], { output }: SqlOptions): Promise<ExitCode> {
  const modules = await selectModules(names);
  const script = installScript(modules);
  if (output === undefined) {
    printText(script);
  } else {
    await writeFile(output, script);
    say(`Wrote ${output}: installs ${modules.map(({ name }) => name).join(", ")} with psql -f.`);
  }
  return exitCodes.ok;
}
