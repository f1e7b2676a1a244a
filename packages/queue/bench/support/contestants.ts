import type { Contestant } from "./contestant.ts";
import { graphileWorker } from "./graphile-worker.ts";
import { pgBoss } from "./pg-boss.ts";
import { postkit } from "./postkit.ts";

/** Whom the targets are for. */
export const ours: readonly Contestant[] = [postkit];

export const everyone: readonly Contestant[] = [graphileWorker, pgBoss, ...ours];
