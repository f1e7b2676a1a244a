import { authzError } from "./errors.ts";

/**
 * A part of an SQL statement with its parameters, in the shape of a template literal: the texts between the values, and
 * the values. Any library whose `sql` is a template tag takes it as `sql(fragment.strings, ...fragment.values)`.
 */
export interface SqlFragment {
  readonly strings: TemplateStringsArray;
  readonly values: readonly string[];
  /**
   * The text with placeholders, for drivers that take text and values.
   *
   * @param firstPlaceholder number of the first one, one more than the statement has before it. @defaultValue 1
   * @throws `authz.VAL_NOT_POSITIVE` when it is no whole number from 1
   */
  toPg(firstPlaceholder?: number): { text: string; values: string[] };
}

/** Those made here: what merely looks like one would be pasted into a statement. */
const fragments = new WeakSet<object>();

/** Text that goes into a fragment as it is. */
class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export function raw(text: string): Raw {
  return new Raw(text);
}

/** Makes a fragment: values become parameters, raw texts and other fragments become part of it. */
export function sqlFragment(
  strings: TemplateStringsArray,
  ...parts: readonly (string | Raw | SqlFragment)[]
): SqlFragment {
  const texts = [strings[0] ?? ""];
  const values: string[] = [];
  const append = (text: string) => texts.push(`${texts.pop() ?? ""}${text}`);
  parts.forEach((part, index) => {
    if (part instanceof Raw) append(part.text);
    else if (typeof part === "string") {
      values.push(part);
      texts.push("");
    } else if (!fragments.has(part)) {
      throw new TypeError("a part of an SQL fragment must be a text or a fragment");
    } else {
      append(part.strings[0] ?? "");
      values.push(...part.values);
      texts.push(...part.strings.slice(1));
    }
    append(strings[index + 1] ?? "");
  });
  const fragment: SqlFragment = Object.freeze({
    strings: Object.freeze(Object.assign(texts, { raw: Object.freeze([...texts]) })),
    values: Object.freeze(values),
    toPg: (firstPlaceholder = 1) => {
      if (!Number.isInteger(firstPlaceholder) || firstPlaceholder < 1) {
        throw authzError("VAL_NOT_POSITIVE", "firstPlaceholder must be a whole number from 1");
      }
      return {
        text: texts.reduce((text, next, index) => `${text}$${firstPlaceholder + index - 1}${next}`),
        values: [...values],
      };
    },
  });
  fragments.add(fragment);
  return fragment;
}
