import { authzError } from "./errors.ts";

/** A resource: `"repo:api"`, or in parts. */
export type ResourceInput = string | { readonly type: string; readonly id: string };

/**
 * A subject: `"user:alice"`, `"team:eng#member"` for those who hold a relation on it, or in parts. Without a `#` it is
 * the subject itself and whoever holds any relation on it, so `"team:eng"` also admits a mere viewer of the team. Holding
 * is a grant that is stored on it: neither hierarchy rules nor containers widen it. A `#` in the text form always
 * begins a relation: give ids that may contain one, or that come from outside, in parts.
 */
export type SubjectInput =
  | string
  | { readonly type: string; readonly id: string; readonly relation?: string | undefined };

export interface Resource {
  readonly type: string;
  readonly id: string;
}

export interface Subject extends Resource {
  readonly relation: string | undefined;
}

/** A grant: what on, and to whom. */
export interface GrantTarget {
  readonly resource: ResourceInput;
  readonly subject: SubjectInput;
}

/** @throws `authz.VAL_IDENTIFIER_FORMAT` when the text has no `:` */
export function parseResource(input: ResourceInput, field = "resource"): Resource {
  if (typeof input !== "string") return parts(input, field);
  const colon = input.indexOf(":");
  if (colon < 0)
    throw authzError(
      "VAL_IDENTIFIER_FORMAT",
      `${field} must be "type:id", not ${JSON.stringify(input)}`,
    );
  return { type: input.slice(0, colon), id: storable(input.slice(colon + 1), field) };
}

/**
 * @throws `authz.VAL_IDENTIFIER_FORMAT` when the text has no `:`
 * @throws `authz.VAL_IDENTIFIER_EMPTY` when nothing follows the `#`, as when a template's variable was empty: that would
 * grant to the holders of any relation
 */
export function parseSubject(input: SubjectInput, field = "subject"): Subject {
  if (typeof input !== "string")
    return { ...parseResource(input, field), relation: named(input.relation, field) };
  const hash = input.lastIndexOf("#");
  const isUserset = hash > input.indexOf(":") && input.includes(":");
  const { type, id } = parseResource(isUserset ? input.slice(0, hash) : input, field);
  return { type, id, relation: named(isUserset ? input.slice(hash + 1) : undefined, field) };
}

/** An empty relation, as of a template's empty variable, would stand for the holders of any. */
function named(relation: string | null | undefined, field: string): string | undefined {
  if (relation === "")
    throw authzError("VAL_IDENTIFIER_EMPTY", `${field} has a # or a relation that names none`);
  return relation ?? undefined;
}

/**
 * A subject that asks for itself, as in a check.
 *
 * @throws `authz.VAL_ID_INVALID_CHARS` when the text names the holders of a relation
 */
export function parsePrincipal(input: SubjectInput, field = "subject"): Resource {
  const { type, id, relation } = parseSubject(input, field);
  if (relation !== undefined) {
    throw authzError(
      "VAL_ID_INVALID_CHARS",
      `${field} must be one subject here, not the holders of #${relation} on it`,
    );
  }
  return { type, id };
}

/** The key of a grant, as the SQL functions take it. */
export function grantArguments(permission: string, target: GrantTarget) {
  const resource = parseResource(target.resource);
  const subject = parseSubject(target.subject);
  return {
    p_resource_type: resource.type,
    p_resource_id: resource.id,
    p_relation: permission,
    p_subject_type: subject.type,
    p_subject_id: subject.id,
    p_subject_relation: subject.relation,
  };
}

/** Parts go as they are, for the database to refuse with its codes; a call without them would be another function's. */
function parts(input: Resource, field: string): Resource {
  if (typeof input !== "object" || input === null) {
    throw authzError("VAL_IDENTIFIER_FORMAT", `${field} must be "type:id" or { type, id }`);
  }
  if (input.type === undefined) throw authzError("VAL_IDENTIFIER_NULL", `${field} has no type`);
  if (input.id === undefined) throw authzError("VAL_ID_NULL", `${field} has no id`);
  return { type: input.type, id: storable(input.id, field) };
}

/** PostgreSQL text holds no NUL, so the database cannot refuse it with its code. */
function storable(id: string, field: string): string {
  if (typeof id === "string" && id.includes("\0")) {
    throw authzError("VAL_ID_INVALID_CHARS", `${field} contains a NUL character`);
  }
  return id;
}
