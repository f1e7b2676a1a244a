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

const namesShownMax = 10;

/** The first names of a list that may be long. */
export function shorten(names: readonly string[]): string {
  const more = names.length - namesShownMax;
  return `${names.slice(0, namesShownMax).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
