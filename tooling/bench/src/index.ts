export type { Bench, Shape } from "./shape.ts";
