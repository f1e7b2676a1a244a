import { coreError } from "./errors.ts";

/** Who acts, for audit: every field is optional and reaches the database with each call. */
export interface Actor {
  actorId?: string | undefined;
  requestId?: string | undefined;
  onBehalfOf?: string | undefined;
  reason?: string | undefined;
}

/** What every call carries: the tenant, and settings by their name after `postkit.`. */
export interface Context {
  readonly namespace: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** The context for another tenant. */
export function withNamespace(context: Context, namespace: string): Context {
  return { ...context, namespace: assertNamespace(namespace) };
}

export function assertNamespace(namespace: string | undefined): string {
  if (typeof namespace !== "string") throw coreError("VAL_ARGUMENT", "namespace must be a string");
  return namespace;
}

/** The context with some settings changed; undefined takes one away. */
export function withSettings(
  context: Context,
  settings: Readonly<Record<string, string | undefined>>,
): Context {
  const merged = { ...context.settings };
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) delete merged[name];
    else merged[name] = value;
  }
  return { namespace: context.namespace, settings: merged };
}

/** The settings of an actor: those he leaves out are cleared, so that two actors never mix. */
export function actorSettings(actor: Actor): Record<string, string | undefined> {
  return {
    actor_id: actor.actorId,
    request_id: actor.requestId,
    on_behalf_of: actor.onBehalfOf,
    reason: actor.reason,
  };
}

export function hasSettings(context: Context): boolean {
  for (const _ in context.settings) return true;
  return false;
}
