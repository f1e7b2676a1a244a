import { json, type CastParameter } from "./parameters.ts";

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

export function withSettings(context: Context, settings: Readonly<Record<string, string | undefined>>): Context {
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

/**
 * Remembers which settings calls have put in force on a transaction, so that a later call of another client on the
 * same transaction clears what it does not carry itself.
 */
const settingsInForce = new WeakMap<object, Set<string>>();

/**
 * The settings a call must send on this transaction, with null for those to clear; undefined when the tenant alone
 * is enough. A call that is its own transaction passes no scope.
 */
export function settingsToSend(context: Context, scope: object | undefined): CastParameter | undefined {
  const names = Object.keys(context.settings);
  if (scope === undefined) return names.length === 0 ? undefined : json(context.settings);
  const inForce = settingsInForce.get(scope) ?? new Set<string>();
  if (names.length === 0 && inForce.size === 0) return undefined;
  const settings: Record<string, string | null> = { ...context.settings };
  for (const name of inForce) settings[name] ??= null;
  for (const name of names) inForce.add(name);
  settingsInForce.set(scope, inForce);
  return json(settings);
}
