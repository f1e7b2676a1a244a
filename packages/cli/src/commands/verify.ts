import {
  verify as verifyModules,
  type ModuleVerification,
  type VerifyFinding,
} from "@postkit/core";
import { withDatabase } from "../connect.ts";
import { exitCodes, type ExitCode } from "../exit-codes.ts";
import { selectModules } from "../find-modules.ts";
import type { DatabaseOptions, ModuleOptions } from "../options.ts";
import { colors, printJson, say } from "../output.ts";

export interface VerifyOptions extends DatabaseOptions, ModuleOptions {
  allowAhead?: boolean;
}

/** Compares what is shipped, what the database recorded and what is there. */
export async function verify(options: VerifyOptions): Promise<ExitCode> {
  const { allowAhead, json } = options;
  const modules = await selectModules(options.module);
  const verified = await withDatabase(options, (client) =>
    verifyModules(client, { modules, allowAhead }),
  );
  if (json) printJson({ modules: verified });
  else for (const one of verified) sayVerification(one);
  return exitCodeOfFindings(verified.flatMap(({ findings }) => findings));
}

function sayVerification({ module, findings }: ModuleVerification): void {
  if (findings.length === 0) say(`${colors.green("ok")}    ${module}`);
  for (const { message } of findings) say(`${colors.red("fail")}  ${module}: ${message}`);
}

/** The worst first. */
function exitCodeOfFindings(findings: readonly VerifyFinding[]): ExitCode {
  const isAny = (code: VerifyFinding["code"]) => findings.some((finding) => finding.code === code);
  if (isAny("MIG_DRIFT")) return exitCodes.drift;
  if (isAny("MIG_AHEAD")) return exitCodes.ahead;
  return isAny("MIG_SCHEMA_FOREIGN") ? exitCodes.failure : exitCodes.ok;
}
