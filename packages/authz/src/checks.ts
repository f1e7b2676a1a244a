import { json, textArray, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

/** One of many questions: may this subject do that to this resource? */
export interface Check {
  readonly subject: SubjectInput;
  readonly permission: string;
  readonly resource: ResourceInput;
}

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
  /**
   * Many checks in one statement, of any subjects, permissions and resources. Those of one subject about one permission
   * on resources of one type cost little more than one.
   *
   * @example
   * const [mayRead, mayDelete] = await postkit.authz.checkMany([
   *   { subject: "user:alice", permission: "read", resource: "repo:api" },
   *   { subject: "user:alice", permission: "delete", resource: "repo:api" },
   * ]);
   *
   * @returns the answers in the order of the questions
   * @throws as {@link Checks.check}; `authz.VAL_BATCH_TOO_LARGE` above 1000 questions
   */
  checkMany(checks: readonly Check[], options?: CallOptions): Promise<boolean[]>;
  /**
   * Those of some resources of one type on which a subject has a permission.
   *
   * @example
   * const readable = await postkit.authz.filterAuthorized("user:alice", "doc", "read", ["1", "2", "3"]);
   *
   * @returns the ids as they were given, in byte order, none twice
   * @throws as {@link Checks.check}; `authz.VAL_BATCH_TOO_LARGE` above 1000 ids
   */
  filterAuthorized(
    subject: SubjectInput,
    resourceType: string,
    permission: string,
    resourceIds: readonly string[],
    options?: CallOptions,
  ): Promise<string[]>;
  /**
   * Every permission that a subject has on a resource, by grants, groups, containers and rules alike.
   *
   * @example
   * const permissions = await postkit.authz.listPermissions("user:alice", "repo:api"); // ["read", "write"]
   *
   * @returns the permissions in byte order
   * @throws as {@link Checks.check}
   */
  listPermissions(
    subject: SubjectInput,
    resource: ResourceInput,
    options?: CallOptions,
  ): Promise<string[]>;
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
    checkMany: async (questions, options) =>
      caller.value(
        "authz.check_bulk",
        { p_checks: json(questions.map(question)) },
        z.array(answer),
        options,
      ),
    filterAuthorized: async (subject, resourceType, permission, resourceIds, options) =>
      caller.value(
        "authz.filter_authorized",
        {
          ...principalArguments(subject),
          p_resource_type: resourceType,
          p_permission: permission,
          p_resource_ids: textArray(resourceIds),
        },
        z.array(z.string()),
        options,
      ),
    listPermissions: async (subject, resource, options) => {
      const { type: p_resource_type, id: p_resource_id } = parseResource(resource);
      return caller.rows(
        "authz.list_permissions",
        { ...principalArguments(subject), p_resource_type, p_resource_id },
        z.object({ permission: z.string() }).transform(({ permission }) => permission),
        options,
      );
    },
  };
}

const answer = z.boolean();

function question({ subject, permission, resource }: Check) {
  const { type: subject_type, id: subject_id } = parsePrincipal(subject);
  const { type: resource_type, id: resource_id } = parseResource(resource);
  return { subject_type, subject_id, permission, resource_type, resource_id };
}

function principalArguments(subject: SubjectInput) {
  const { type: p_subject_type, id: p_subject_id } = parsePrincipal(subject);
  return { p_subject_type, p_subject_id };
}

function checkArguments<P>(subject: SubjectInput, permission: P, resource: ResourceInput) {
  const { type: p_resource_type, id: p_resource_id } = parseResource(resource);
  return { ...principalArguments(subject), ...permission, p_resource_type, p_resource_id };
}
