import { columns, json, textArray, timestamp, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { authzError } from "./errors.ts";
import {
  grantArguments,
  parsePrincipal,
  parseResource,
  parseSubject,
  type GrantTarget,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

export interface GrantOptions extends GrantTarget, CallOptions {
  /** End of the grant; a grant that is there and live keeps its own. @defaultValue none */
  readonly expiresAt?: Date | undefined;
}

/** A grant that goes from one subject to another; both are subjects themselves, not the holders of a relation. */
export interface TransferTarget {
  readonly resource: ResourceInput;
  readonly from: SubjectInput;
  readonly to: SubjectInput;
}

/** One resource and many subjects, of any types. */
export interface SubjectsTarget {
  readonly resource: ResourceInput;
  /** At most 1000. */
  readonly subjects: readonly SubjectInput[];
}

/** Many resources of one type and one subject. */
export interface ResourcesTarget {
  readonly resourceType: string;
  /** At most 1000. */
  readonly resourceIds: readonly string[];
  readonly subject: SubjectInput;
}

/** A grant that a resource is to have. */
export interface DesiredGrant {
  readonly relation: string;
  readonly subject: SubjectInput;
  /** End of the grant. @defaultValue none */
  readonly expiresAt?: Date | null | undefined;
}

/** What `syncGrants` did to one grant. */
export type GrantChange = z.infer<typeof GrantChange>;

const GrantChange = z
  .object({
    change: z.enum(["granted", "revoked", "updated"]),
    relation: z.string(),
    subjectType: z.string(),
    subjectId: z.string(),
    subjectRelation: z.string().nullable(),
    /** The end of the grant as it is now, or was when it was revoked. */
    expiresAt: columns.timestamptz.nullable(),
  })
  .transform(({ change, relation, subjectType, subjectId, subjectRelation, expiresAt }) => ({
    change,
    relation,
    subject: { type: subjectType, id: subjectId, relation: subjectRelation ?? undefined },
    expiresAt,
  }));

export interface Tuples {
  /**
   * Grants a permission on a resource to a subject. `member` puts the subject into a group, `parent` puts the resource
   * into a container. A group without `#` as the subject is whoever holds any relation on it: write `team:eng#member`
   * for its members. Granting again keeps the expiry of a live grant and revives one that has ended; to shorten or
   * extend a live one there is `setExpiration`.
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
  /**
   * Takes a live grant from one subject and gives it, with its expiry, to another; a live grant which that one has
   * already keeps its own. Grants to the holders of a relation are not transferred.
   *
   * @example
   * await postkit.authz.transferGrant("owner", { resource: "repo:api", from: "user:alice", to: "user:bob" });
   *
   * @returns whether there was such a grant
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.BIZ_SELF_MEMBERSHIP`, `authz.BIZ_CYCLE_GROUP`, `authz.BIZ_SELF_PARENT`, `authz.BIZ_CYCLE_RESOURCE`
   */
  transferGrant(permission: string, options: TransferTarget & CallOptions): Promise<boolean>;
  /**
   * Grants a permission on a resource to many subjects, whatever their types: all or none. Live grants keep their
   * expiry and ended ones are revived for good. Groups become members of a group one at a time, with `grant`, as
   * resources get a parent.
   *
   * @example
   * await postkit.authz.grantToSubjects("read", { resource: "repo:api", subjects: ["user:alice", "team:eng#member"] });
   *
   * @returns how many grants are new or revived
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.VAL_ARRAY_ELEMENT_INVALID`, `authz.VAL_BATCH_TOO_LARGE` above 1000 subjects
   * @throws `authz.BIZ_BULK_GROUP_MEMBERSHIP`, `authz.BIZ_BULK_PARENT_RELATION`
   */
  grantToSubjects(permission: string, options: SubjectsTarget & CallOptions): Promise<number>;
  /**
   * Grants a subject a permission on many resources of one type: all or none. Otherwise as `grantToSubjects`.
   *
   * @returns how many grants are new or revived
   * @throws as {@link Tuples.grantToSubjects}
   */
  grantOnResources(permission: string, options: ResourcesTarget & CallOptions): Promise<number>;
  /**
   * Takes back every grant to a subject, on resources of one type or on all: permissions, memberships, what it is the
   * parent of, and what was granted to the holders of a relation on it.
   *
   * @example
   * await postkit.authz.revokeSubjectGrants("user:alice");
   *
   * @returns how many there were, ended ones included
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   */
  revokeSubjectGrants(
    subject: SubjectInput,
    options?: { readonly resourceType?: string | undefined } & CallOptions,
  ): Promise<number>;
  /**
   * Takes back every grant on a resource, of one permission or of all: its members and its own parents as well.
   *
   * @returns how many there were, ended ones included
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   */
  revokeResourceGrants(
    resource: ResourceInput,
    options?: { readonly permission?: string | undefined } & CallOptions,
  ): Promise<number>;
  /**
   * Makes the grants on a resource equal to a list of at most 1000: takes back what is not in it, grants what is missing,
   * and sets the ends of the others, to none where the list names none. The parents of the resource are left alone and
   * have no place in the list. Calls for one resource take turns. With the same list again it does nothing.
   *
   * @example
   * const changes = await postkit.authz.syncGrants("repo:api", [
   *   { relation: "admin", subject: "user:alice" },
   *   { relation: "read", subject: "team:eng#member", expiresAt: new Date("2030-01-01") },
   * ]);
   *
   * @returns what was changed, nothing else
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.VAL_ARRAY_ELEMENT_INVALID`, also for one grant with two ends; `authz.VAL_BATCH_TOO_LARGE`,
   * `authz.VAL_BATCH_INVALID`, `authz.VAL_EXPIRATION_FUTURE`
   * @throws `authz.BIZ_BULK_PARENT_RELATION`, `authz.BIZ_SELF_MEMBERSHIP`, `authz.BIZ_CYCLE_GROUP`
   */
  syncGrants(
    resource: ResourceInput,
    grants: readonly DesiredGrant[],
    options?: CallOptions,
  ): Promise<GrantChange[]>;
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
    transferGrant: async (permission, { resource, from, to, ...options }) =>
      caller.value(
        "authz.transfer_tuple",
        transferArguments(permission, { resource, from, to }),
        z.boolean(),
        options,
      ),
    grantToSubjects: async (permission, { resource, subjects, ...options }) =>
      caller.value(
        "authz.grant_to_subjects_bulk",
        subjectsArguments(permission, { resource, subjects }),
        z.number(),
        options,
      ),
    grantOnResources: async (
      permission,
      { resourceType, resourceIds, subject: input, ...options },
    ) => {
      const subject = parseSubject(input);
      return caller.value(
        "authz.grant_to_resources_bulk",
        {
          p_resource_type: resourceType,
          p_resource_ids: textArray(resourceIds),
          p_relation: permission,
          p_subject_type: subject.type,
          p_subject_id: subject.id,
          p_subject_relation: subject.relation,
        },
        z.number(),
        options,
      );
    },
    revokeSubjectGrants: async (subject, narrowed = {}) => {
      assertNarrowing(narrowed, "resourceType");
      const { resourceType, ...options } = narrowed;
      const { type, id } = parsePrincipal(subject);
      return caller.value(
        "authz.revoke_subject_grants",
        { p_subject_type: type, p_subject_id: id, p_resource_type: resourceType },
        z.number(),
        options,
      );
    },
    revokeResourceGrants: async (resource, narrowed = {}) => {
      assertNarrowing(narrowed, "permission");
      const { permission, ...options } = narrowed;
      const { type, id } = parseResource(resource);
      return caller.value(
        "authz.revoke_resource_grants",
        { p_resource_type: type, p_resource_id: id, p_relation: permission },
        z.number(),
        options,
      );
    },
    syncGrants: async (resource, grants, options) => {
      const { type, id } = parseResource(resource);
      return caller.rows(
        "authz.sync_grants",
        {
          p_resource_type: type,
          p_resource_id: id,
          p_desired: json(Array.isArray(grants) ? grants.map(desiredTuple) : grants),
        },
        GrantChange,
        options,
      );
    },
  };
}

function transferArguments(permission: string, target: TransferTarget) {
  const resource = parseResource(target.resource);
  const from = parsePrincipal(target.from, "from");
  const to = parsePrincipal(target.to, "to");
  return {
    p_resource_type: resource.type,
    p_resource_id: resource.id,
    p_relation: permission,
    p_from_subject_type: from.type,
    p_from_subject_id: from.id,
    p_to_subject_type: to.type,
    p_to_subject_id: to.id,
  };
}

function subjectsArguments(permission: string, target: SubjectsTarget) {
  const resource = parseResource(target.resource);
  const subjects = target.subjects.map((subject, index) =>
    parseSubject(subject, `subjects[${index + 1}]`),
  );
  return {
    p_resource_type: resource.type,
    p_resource_id: resource.id,
    p_relation: permission,
    p_subject_types: textArray(subjects.map(({ type }) => type)),
    p_subject_ids: textArray(subjects.map(({ id: subjectId }) => subjectId)),
    p_subject_relations: textArray(subjects.map(({ relation }) => relation ?? null)),
  };
}

function desiredTuple({ relation, subject: input, expiresAt }: DesiredGrant, index: number) {
  const subject = parseSubject(input, `desired[${index + 1}].subject`);
  return {
    relation,
    subject_type: subject.type,
    subject_id: subject.id,
    subject_relation: subject.relation,
    expires_at: timestamp(expiresAt ?? null).text,
  };
}

/** To take everything back is asked for by leaving the key out, not by a variable that happened to be empty. */
function assertNarrowing(options: object, key: string): void {
  if (typeof options !== "object" || options === null) {
    throw authzError("VAL_IDENTIFIER_NULL", `${key} goes into an object: { ${key} }`);
  }
  if (key in options && (options as Record<string, unknown>)[key] == null) {
    throw authzError(
      "VAL_IDENTIFIER_NULL",
      `${key} is there without a value: leave it out for all`,
    );
  }
}
