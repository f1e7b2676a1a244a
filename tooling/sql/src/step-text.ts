import { byHandMark } from "./by-hand.ts";
import type { Creation } from "./creations.ts";
import { dataLossHeader } from "./data-loss.ts";
import type { Facet } from "./catalog.ts";
import type { Statement } from "./split-statements.ts";
import type { Transition } from "./transition.ts";

/** Writes a transition down as half a step. */
export function stepText(transition: Transition, lost: readonly Facet[]): string {
  const paragraphs = [
    transition.drops.join("\n"),
    transition.byHand.map((instruction) => byHandMark + instruction).join("\n"),
    ...transition.creations.map(creationText),
    transition.sides.join("\n"),
  ];
  return `${dataLossHeader(lost)}${paragraphs.filter((paragraph) => paragraph !== "").join("\n\n")}\n`;
}

/** Instructions that still stand in a text, as `line: instruction`. */
export function findByHand(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line, index) => (line.startsWith(byHandMark) ? [`${index + 1}: ${line}`] : []));
}

function creationText({ statement, text }: Creation): string {
  return [headerComment(statement), text + statement.tail].filter((part) => part !== "").join("\n");
}

/** The comment right above a statement, without the name of the file that a first step notes there. */
function headerComment({ lead }: Statement): string {
  const paragraph =
    lead
      .trimEnd()
      .split(/\n\s*\n/)
      .at(-1) ?? "";
  const isAdjacent = !/\n\s*\n\s*$/.test(lead);
  return isAdjacent ? paragraph.trim().replace(/^-- [\w/.-]+\.sql(\n|$)/, "") : "";
}
