/** What the person at the keyboard can put right: printed without a stack, exit code 1. */
export class Refusal extends Error {
  readonly lines: readonly string[];

  constructor(...lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "Refusal";
    this.lines = lines;
  }
}
