export type { Contest, Discipline, Entrant, Figures, Target } from "./contest.ts";
export type { Bench, BenchSettings, Shape } from "./shape.ts";
export { quantile } from "./statistics.ts";
export { whenAlone } from "./when-alone.ts";
