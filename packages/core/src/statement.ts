import { hasSettings, type Context } from "./context.ts";
import { coreError } from "./errors.ts";
import { hasUnstorableEscape, isCastParameter, json, type Parameter } from "./parameters.ts";

/** One statement as a driver takes it; placeholders `$1 … $n` appear once each and in order. */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
  /** Whether the same text comes again and again, so that it is worth a name where those are used. */
  readonly isCall?: true;
}

/** Arguments of an SQL function by parameter name. */
export type Arguments = Readonly<Record<`p_${string}`, Parameter>>;

/** A call of an SQL function as a client makes it. */
export interface FunctionCall {
  readonly name: string;
  readonly args: Arguments;
  /** Whether it returns one value or a table. */
  readonly returns: "value" | "rows";
  /** Columns of a table that are given as text as well, in `<column>_text`: what drivers would read in their own ways. */
  readonly asText?: readonly string[] | undefined;
}

/**
 * The one place where SQL text is made: a function by name with named arguments. Its context travels in the
 * p_namespace argument, which is evaluated before the function's body, so that context and call are one statement
 * and the setting lives no longer than the transaction. A function of one value is called in the select list, which
 * plans measurably faster than a function in FROM.
 *
 * @param context none for a function that takes no p_namespace
 * @param joins whether the call runs in a transaction that other calls share, whose settings it must then replace
 */
export function buildStatement(
  { name, args, returns, asText = [] }: FunctionCall,
  context: Context | undefined,
  joins: boolean,
): Statement {
  const values: unknown[] = [];
  const list: string[] = [];
  for (const parameter in args) {
    const value = args[parameter as keyof Arguments];
    if (value !== undefined) list.push(`${parameter} => ${bind(values, parameter, value)}`);
  }
  if (context !== undefined) list.push(`p_namespace => ${bindContext(values, context, joins)}`);
  const call = `${name}(${list.join(", ")})`;
  const texts = asText.map((column) => `, r.${column}::text as ${column}_text`).join("");
  return {
    text: returns === "value" ? `select ${call} as r` : `select r.*${texts} from ${call} r`,
    values,
    isCall: true,
  };
}

function bindContext(values: unknown[], context: Context, joins: boolean): string {
  const namespace = bind(values, "p_namespace", context.namespace);
  if (hasSettings(context))
    return `postkit.enter(${namespace}, ${bind(values, "p_settings", json(context.settings))})`;
  return joins
    ? `postkit.enter(${namespace})`
    : `set_config('postkit.tenant_id', ${namespace}, true)`;
}

/** Adds a value and gives the SQL that stands for it. */
function bind(values: unknown[], parameter: string, value: NonNullable<Parameter> | null): string {
  if (typeof value === "object" && value !== null) {
    if (!isCastParameter(value)) throw unexpected(parameter);
    if (value.text !== null) assertStorable(parameter, value.text, value.type === "jsonb");
    return `$${values.push(value.text)}::text::${value.type}`;
  }
  if (typeof value === "string") assertStorable(parameter, value);
  else if (typeof value === "function" || typeof value === "symbol") throw unexpected(parameter);
  return `$${values.push(typeof value === "bigint" ? value.toString() : value)}`;
}

/** What a program in JavaScript may give all the same, as from a request's body. */
function unexpected(parameter: string): Error {
  return coreError("VAL_ARGUMENT", `${parameter.slice(2)} must be a text or another plain value`);
}

/** PostgreSQL stores no NUL, and an unpaired surrogate would silently become another character on its way. */
function assertStorable(parameter: string, text: string, isJson = false): void {
  if (!isStorable(text) || (isJson && hasUnstorableEscape(text))) {
    throw coreError(
      "VAL_TEXT_ENCODING",
      `${parameter.slice(2)} contains a NUL character or an unpaired surrogate`,
    );
  }
}

export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
