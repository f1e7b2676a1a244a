import { columns, timestamp, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parseResource,
  parseSubject,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

/** A grant: what on, and to whom. */
export interface GrantTarget {
  readonly resource: ResourceInput;
  readonly subject: SubjectInput;
}

export interface GrantOptions extends GrantTarget, CallOptions {
  /** End of the grant; a grant that is there and live keeps its own. @defaultValue none */
  readonly expiresAt?: Date | undefined;
}

export interface Tuples {
  /**
   * Grants a permission on a resource to a subject. `member` puts the subject into a group, `parent` puts the resource
   * into a container. A group without `#` as the subject is whoever holds any relation on it: write `team:eng#member`
   * for its members. Granting again keeps the expiry of a live grant and revives one that has ended; to shorten or
   * extend a live one, revoke it and grant it anew in one transaction.
   *
   * @example
   * await postkit.authz.grant("admin", { resource: "repo:api", subject: "team:eng#member" });
   *
   * @returns the tuple's id, the existing one on a repeat
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.VAL_EXPIRATION_FUTURE` when `expiresAt` is over already and the grant is new or has ended; where a
   * live grant is kept, `expiresAt` is ignored
   * @throws `authz.BIZ_SELF_MEMBERSHIP`, `authz.BIZ_CYCLE_GROUP`, `authz.BIZ_SELF_PARENT`, `authz.BIZ_CYCLE_RESOURCE`
   */
  grant(permission: string, options: GrantOptions): Promise<string>;
  /**
   * Takes a grant back. `team:eng` and `team:eng#member` are two grants.
   *
   * @example
   * await postkit.authz.revoke("admin", { resource: "repo:api", subject: "user:alice" });
   *
   * @returns whether there was such a grant
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   */
  revoke(permission: string, options: GrantTarget & CallOptions): Promise<boolean>;
}

export function tuples(caller: Caller): Tuples {
  return {
    grant: async (permission, { resource, subject, expiresAt, ...options }) =>
      caller.value(
        "authz.write_tuple",
        {
          ...grantArguments(permission, { resource, subject }),
          p_expires_at: timestamp(expiresAt ?? null),
        },
        columns.bigint,
        options,
      ),
    revoke: async (permission, { resource, subject, ...options }) =>
      caller.value(
        "authz.delete_tuple",
        grantArguments(permission, { resource, subject }),
        z.boolean(),
        options,
      ),
  };
}

function grantArguments(permission: string, target: GrantTarget) {
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
