import { columns, int, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

/** What a subject was granted itself. */
export type SubjectGrant = z.infer<typeof SubjectGrant>;

const SubjectGrant = z
  .object({
    resourceType: z.string(),
    resourceId: z.string(),
    relation: z.string(),
    /** When set, the grant is not to the subject but to those who hold this relation on it. */
    subjectRelation: z.string().nullable(),
    expiresAt: columns.timestamptz.nullable(),
  })
  .transform(({ resourceType, resourceId, ...grant }) => ({
    resource: { type: resourceType, id: resourceId },
    ...grant,
  }));

/** What was granted on a resource itself. */
export type ResourceGrant = z.infer<typeof ResourceGrant>;

const ResourceGrant = z
  .object({
    subjectType: z.string(),
    subjectId: z.string(),
    relation: z.string(),
    subjectRelation: z.string().nullable(),
    expiresAt: columns.timestamptz.nullable(),
  })
  .transform(({ subjectType, subjectId, subjectRelation, ...grant }) => ({
    subject: { type: subjectType, id: subjectId, relation: subjectRelation ?? undefined },
    ...grant,
  }));

export interface ResourceGrantsQuery extends CallOptions {
  /** Grants on the page, 1 to 1000. @defaultValue all */
  readonly limit?: number | undefined;
  /** The last grant of the page before. */
  readonly cursor?: Omit<ResourceGrant, "expiresAt"> | undefined;
}

export interface SubjectGrantsQuery extends CallOptions {
  /** Only grants on resources of this type. */
  readonly resourceType?: string | undefined;
  /** Grants on the page, 1 to 1000. @defaultValue all */
  readonly limit?: number | undefined;
  /** The last grant of the page before. */
  readonly cursor?: Omit<SubjectGrant, "expiresAt"> | undefined;
}

export interface Grants {
  /**
   * What was granted to a subject itself and has not ended, ordered by resource, relation and subject relation:
   * nothing that it has through groups, containers or rules.
   *
   * @example
   * const grants = await postkit.authz.listGrants("user:alice", { resourceType: "repo", limit: 100 });
   * const next = await postkit.authz.listGrants("user:alice", { resourceType: "repo", limit: 100, cursor: grants.at(-1) });
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the subject is not `type:id`
   * @throws `authz.VAL_NOT_POSITIVE`, `authz.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole
   */
  listGrants(subject: SubjectInput, query?: SubjectGrantsQuery): Promise<SubjectGrant[]>;
  /**
   * What was granted on a resource itself and has not ended, ordered by subject, relation and subject relation: what a
   * sharing dialogue shows, and what `syncGrants` takes back when it has been changed. The containers of the resource
   * are not among them.
   *
   * @example
   * const grants = await postkit.authz.listResourceGrants("repo:api");
   * await postkit.authz.syncGrants("repo:api", grants.filter(({ relation }) => relation !== "admin"));
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the resource is not `type:id`
   * @throws `authz.VAL_NOT_POSITIVE`, `authz.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole
   */
  listResourceGrants(
    resource: ResourceInput,
    query?: ResourceGrantsQuery,
  ): Promise<ResourceGrant[]>;
}

export function grants(caller: Caller): Grants {
  return {
    listGrants: async (subject, { resourceType, limit, cursor, ...options } = {}) => {
      const { type, id } = parsePrincipal(subject);
      return caller.rows(
        "authz.list_subject_grants",
        {
          p_subject_type: type,
          p_subject_id: id,
          p_resource_type: resourceType,
          p_limit: limit === undefined ? undefined : int(limit),
          p_cursor_resource_type: cursor?.resource.type,
          p_cursor_resource_id: cursor?.resource.id,
          p_cursor_relation: cursor?.relation,
          p_cursor_subject_relation: cursor?.subjectRelation,
        },
        SubjectGrant,
        options,
      );
    },
    listResourceGrants: async (resource, { limit, cursor, ...options } = {}) => {
      const { type, id } = parseResource(resource);
      return caller.rows(
        "authz.list_resource_grants",
        {
          p_resource_type: type,
          p_resource_id: id,
          p_limit: limit === undefined ? undefined : int(limit),
          p_cursor_subject_type: cursor?.subject.type,
          p_cursor_subject_id: cursor?.subject.id,
          p_cursor_relation: cursor?.relation,
          p_cursor_subject_relation: cursor?.subject.relation,
        },
        ResourceGrant,
        options,
      );
    },
  };
}
