export type { Bench, BenchSettings, Shape } from "./shape.ts";
