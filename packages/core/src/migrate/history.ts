import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { coreError } from "../errors.ts";
import type { PostkitModule } from "../module.ts";

/** One step as the code knows it. */
export interface Step {
  readonly module: string;
  readonly name: string;
  readonly up: string;
  readonly down: string;
  readonly upChecksum: string;
  readonly downChecksum: string;
  readonly packageVersion: string;
  /** What the step's down file says it destroys, from its `-- destroys data:` line. */
  readonly destroys: string | undefined;
}

/** SHA-256 of a file's text with line ends as LF, so that a checkout on Windows has the same one. */
function checksum(text: string): string {
  return createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
}

/** The path by which people know a step's file. */
export function fileOf(step: { module: string; name: string }, direction: "up" | "down"): string {
  return `migrations/${step.module}/${step.name}.${direction}.sql`;
}

/**
 * A module's steps in order.
 *
 * @throws `core.MIG_HISTORY_INVALID` when names are not `0001_slug`, `0002_slug` … without a gap
 * @throws `core.MIG_DRIFT` when a shipped file is not the text the package was built with
 */
export function stepsOf(module: PostkitModule): readonly Step[] {
  return module.migrations.map(({ name, up, down }, index) => {
    if (!/^\d{4}_[a-z0-9_]+$/.test(name) || Number(name.slice(0, 4)) !== index + 1) {
      throw coreError(
        "MIG_HISTORY_INVALID",
        `${module.name}: step ${index + 1} must be named NNNN_slug, not ${name}`,
      );
    }
    const step: Step = {
      module: module.name,
      name,
      up,
      down,
      upChecksum: checksum(up),
      downChecksum: checksum(down),
      packageVersion: module.version,
      destroys: /^-- destroys data:\s*(.+)$/m.exec(down)?.[1],
    };
    assertShippedAsBuilt(module, step);
    return step;
  });
}

/** The text that runs is the one inlined in the build; a shipped file that differs was edited. */
function assertShippedAsBuilt(module: PostkitModule, step: Step): void {
  if (module.migrationsUrl.protocol !== "file:") return;
  for (const direction of ["up", "down"] as const) {
    const file = new URL(`${step.name}.${direction}.sql`, module.migrationsUrl);
    if (!existsSync(file)) continue;
    if (checksum(readFileSync(file, "utf8")) !== step[`${direction}Checksum`]) {
      throw coreError(
        "MIG_DRIFT",
        `${fileOf(step, direction)} was edited after the package was built`,
        {
          detail: { module: step.module, file: fileOf(step, direction) },
        },
      );
    }
  }
}
