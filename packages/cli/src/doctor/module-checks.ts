import type { ModuleStatus, ModuleVerification } from "@postkit/core";
import { plural } from "../output.ts";
import type { Check } from "./check.ts";

export const noModulesCheck: Check = {
  level: "fail",
  name: "modules",
  message: "the project has no Postkit module installed",
  advice: "Install one, as with `npm install @postkit/authz`.",
};

interface CheckedModule {
  verified: ModuleVerification;
  /** Undefined when something was found. */
  status: ModuleStatus | undefined;
  /** Whether the role of the connection may apply what is pending. */
  mayMigrate: boolean;
}

export function checkModule({ verified, status, mayMigrate }: CheckedModule): Check[] {
  const { module: name, findings } = verified;
  if (findings.length > 0 || status === undefined) {
    return findings.map(({ code, message }) => ({
      level: "fail",
      name,
      message,
      advice: adviceFor(code),
    }));
  }
  const { pending, version } = status;
  if (pending.length === 0)
    return [{ level: "ok", name, message: `up to date at ${version ?? "no step"}` }];
  const message = `${plural(pending.length, "step")} pending: ${pending.join(", ")}`;
  return [{ level: "warn", name, message, advice: pendingAdvice(mayMigrate) }];
}

function adviceFor(code: ModuleVerification["findings"][number]["code"]): string {
  if (code === "MIG_AHEAD") return "Update the package to the release that migrated this database.";
  if (code === "MIG_SCHEMA_FOREIGN") return "Rename that schema, or use another database.";
  return "Put the file or table back as it was; `postkit migrate verify` checks again.";
}

function pendingAdvice(mayMigrate: boolean): string {
  return mayMigrate
    ? "Apply with `postkit migrate up`."
    : "Run `postkit migrate up` as the role that owns the schemas, or may create them.";
}

export function checkOtherModules(modules: readonly string[]): Check[] {
  return modules.map((name) => ({
    level: "warn",
    name,
    message: "is installed in the database, but this project has no package for it",
    advice: "Install its package, or run the command where it is installed.",
  }));
}
