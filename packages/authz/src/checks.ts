import { textArray, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

export interface Checks {
  /**
   * Whether a subject has a permission on a resource: by a grant to itself or to a group it is in, on the resource or
   * on a container around it, of the permission or of one that implies it. Who is in a group is what is stored on the
   * group: hierarchy rules and containers widen what is held on the resource, not that. Anything unknown is false.
   *
   * @example
   * if (await postkit.authz.check("user:alice", "read", "repo:api")) …
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when subject or resource is not `type:id`
   * @throws `authz.VAL_ID_INVALID_CHARS` when the subject names the holders of a relation
   */
  check(
    subject: SubjectInput,
    permission: string,
    resource: ResourceInput,
    options?: CallOptions,
  ): Promise<boolean>;
  /**
   * Whether a subject has at least one of some permissions on a resource; false for an empty list.
   *
   * @throws as {@link Checks.check}; `authz.VAL_BATCH_TOO_LARGE` above 1000 permissions
   */
  checkAny(
    subject: SubjectInput,
    permissions: readonly string[],
    resource: ResourceInput,
    options?: CallOptions,
  ): Promise<boolean>;
  /**
   * Whether a subject has every one of some permissions on a resource; true for an empty list.
   *
   * @throws as {@link Checks.check}; `authz.VAL_BATCH_TOO_LARGE` above 1000 permissions
   */
  checkAll(
    subject: SubjectInput,
    permissions: readonly string[],
    resource: ResourceInput,
    options?: CallOptions,
  ): Promise<boolean>;
}

export function checks(caller: Caller): Checks {
  return {
    check: async (subject, permission, resource, options) =>
      caller.value(
        "authz.check",
        checkArguments(subject, { p_permission: permission }, resource),
        answer,
        options,
      ),
    checkAny: async (subject, permissions, resource, options) =>
      caller.value(
        "authz.check_any",
        checkArguments(subject, { p_permissions: textArray(permissions) }, resource),
        answer,
        options,
      ),
    checkAll: async (subject, permissions, resource, options) =>
      caller.value(
        "authz.check_all",
        checkArguments(subject, { p_permissions: textArray(permissions) }, resource),
        answer,
        options,
      ),
  };
}

const answer = z.boolean();

function checkArguments<P>(subject: SubjectInput, permission: P, resource: ResourceInput) {
  const { type: p_subject_type, id: p_subject_id } = parsePrincipal(subject);
  const { type: p_resource_type, id: p_resource_id } = parseResource(resource);
  return { p_subject_type, p_subject_id, ...permission, p_resource_type, p_resource_id };
}
