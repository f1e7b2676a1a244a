export type CheckLevel = "ok" | "warn" | "fail";

/** One line of the doctor's report. */
export interface Check {
  readonly level: CheckLevel;
  /** What was checked, in a word or two. */
  readonly name: string;
  readonly message: string;
  /** What to do, where there is something to do. */
  readonly advice?: string;
}
