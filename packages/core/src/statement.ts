import { settingsToSend, type Context } from "./context.ts";
import { coreError } from "./errors.ts";
import type { Parameter } from "./parameters.ts";

/** One statement as a driver takes it; placeholders `$1 … $n` appear once each and in order. */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Arguments of an SQL function by parameter name. */
export type Arguments = Readonly<Record<`p_${string}`, Parameter>>;

/**
 * The one place where SQL text is made: a function by name with named arguments. Its context travels in the
 * p_namespace argument, which is evaluated before the function's body, so that context and call are one statement
 * and the setting lives no longer than the transaction.
 */
export function buildStatement(name: string, args: Arguments, context: Context, scope?: object): Statement {
  const values: unknown[] = [];
  const placeholder = (value: unknown): string => `$${values.push(value)}`;
  const named: string[] = [];
  for (const [parameter, value] of Object.entries(args)) {
    if (value !== undefined) named.push(`${parameter} => ${argument(parameter, value, placeholder)}`);
  }
  named.push(`p_namespace => ${contextArgument(context, scope, placeholder)}`);
  return { text: `select r.* from ${name}(${named.join(", ")}) r`, values };
}

function argument(parameter: string, value: Parameter, placeholder: (value: unknown) => string): string {
  if (typeof value === "object" && value !== null) {
    if (value.text !== null) assertStorable(parameter, value.text);
    return `${placeholder(value.text)}::text::${value.type}`;
  }
  if (typeof value === "string") assertStorable(parameter, value);
  return placeholder(typeof value === "bigint" ? value.toString() : value);
}

function contextArgument(
  context: Context,
  scope: object | undefined,
  placeholder: (value: unknown) => string,
): string {
  assertStorable("p_namespace", context.namespace);
  const settings = settingsToSend(context, scope);
  if (settings === undefined) return `set_config('postkit.tenant_id', ${placeholder(context.namespace)}, true)`;
  return `postkit.enter(${placeholder(context.namespace)}, ${argument("p_settings", settings, placeholder)})`;
}

/** PostgreSQL stores no NUL, and an unpaired surrogate would silently become another character on its way. */
function assertStorable(parameter: string, text: string): void {
  if (text.includes("\0") || !text.isWellFormed()) {
    throw coreError("VAL_TEXT_ENCODING", `${parameter.slice(2)} contains a NUL character or an unpaired surrogate`);
  }
}
