import type { MigrateResult } from "@postkit/core";
import { table } from "./output.ts";

/** Steps for people: what ran with its time, or what would run with what it destroys. */
export function stepTable(steps: MigrateResult["steps"]): string {
  const rows = steps.map(({ module, name, direction, durationMs, destroys }) => [
    module,
    name,
    direction,
    durationMs === undefined ? "" : `${durationMs} ms`,
    destroys === undefined ? "" : `destroys ${destroys}`,
  ]);
  return table(["module", "step", "", "", ""], rows);
}
