import type { MigrateOptions } from "@postkit/core";
import { Progress } from "./progress.ts";

type OnStep = NonNullable<MigrateOptions["onStep"]>;

/** A progress line for `migrate()`, to be given its `onStep`. */
export function migrationProgress(): Disposable & { readonly onStep: OnStep } {
  const progress = new Progress("waiting for the migration lock");
  return {
    onStep: ({ module, name, direction, index, total }) =>
      progress.update(`${direction} ${module} ${name} (${index + 1} of ${total})`),
    [Symbol.dispose]: () => progress[Symbol.dispose](),
  };
}
