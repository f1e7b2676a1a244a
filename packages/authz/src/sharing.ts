import { columns, int, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

/** A grant on a resource of another tenant. */
export type ExternalResource = z.infer<typeof ExternalResource>;

const ExternalResource = z.object({
  /** The tenant that granted. */
  namespace: z.string(),
  resourceId: z.string(),
  relation: z.string(),
  createdAt: columns.timestamptz,
  expiresAt: columns.timestamptz.nullable(),
  /** Opaque; give it as `cursor` to get the page after this grant. */
  cursor: z.string(),
});

export interface ExternalResourcesQuery extends CallOptions {
  /** Grants on the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** Cursor of the last grant of the page before. */
  readonly cursor?: string | undefined;
}

/** A grant of another tenant to a subject. */
export interface ExternalGrant extends CallOptions {
  readonly resource: ResourceInput;
  readonly subject: SubjectInput;
  /** The tenant that granted. */
  readonly ownerNamespace: string;
}

export interface Sharing {
  /**
   * A page of what other tenants share with a subject, newest first: grants to itself, none through its groups or on
   * containers, of the permission or of one that implies it by a rule of namespace `global`. `check` stays within the
   * tenant: ask the tenant that owns the resource. A subject counts as the same in every tenant, so this is for
   * subjects whose ids are unique across tenants.
   *
   * @example
   * const shared = await postkit.authz.listExternalResources("user:alice", "doc", "read");
   * const more = await postkit.authz.listExternalResources("user:alice", "doc", "read", { cursor: shared.at(-1)?.cursor });
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the subject is not `type:id`
   * @throws `authz.BIZ_VIEWER_MISMATCH` on a client of `withViewer`, for any other subject
   * @throws `authz.BIZ_VIEWER_NOT_SET` when type or id of the subject is empty
   * @throws `authz.VAL_NOT_POSITIVE`, `authz.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole
   * @throws `authz.VAL_CURSOR_INVALID` when `cursor` is not one
   */
  listExternalResources(
    subject: SubjectInput,
    resourceType: string,
    permission: string,
    query?: ExternalResourcesQuery,
  ): Promise<ExternalResource[]>;
  /**
   * Gives up what another tenant granted to a subject itself: the permission that was granted, as `relation` of
   * `listExternalResources`. The change is written to the audit of the tenant that granted, with this handle's actor.
   *
   * @returns whether there was such a grant in another tenant
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   * @throws `authz.BIZ_VIEWER_MISMATCH` on a client of `withViewer`, for any other subject
   */
  leaveExternalResource(permission: string, grant: ExternalGrant): Promise<boolean>;
}

/** @param hasViewer whether the caller carries one, who alone may ask; else the subject of each call is its viewer */
export function sharing(caller: Caller, hasViewer: boolean): Sharing {
  const callerFor = (subject: SubjectInput) => (hasViewer ? caller : asViewer(caller, subject));
  return {
    listExternalResources: async (
      subject,
      resourceType,
      permission,
      { limit, cursor, ...options } = {},
    ) => {
      const { type, id } = parsePrincipal(subject);
      return callerFor(subject).rows(
        "authz.list_external_resources",
        {
          p_subject_type: type,
          p_subject_id: id,
          p_resource_type: resourceType,
          p_permission: permission,
          p_limit: limit === undefined ? undefined : int(limit),
          p_cursor: cursor,
        },
        ExternalResource,
        options,
      );
    },
    leaveExternalResource: async (
      permission,
      { resource, subject, ownerNamespace, ...options },
    ) => {
      const on = parseResource(resource);
      const { type, id } = parsePrincipal(subject);
      return callerFor(subject).value(
        "authz.leave_external_resource",
        {
          p_resource_type: on.type,
          p_resource_id: on.id,
          p_relation: permission,
          p_subject_type: type,
          p_subject_id: id,
          p_owner_namespace: ownerNamespace,
        },
        z.boolean(),
        options,
      );
    },
  };
}

/** @throws `authz.VAL_IDENTIFIER_FORMAT` when the viewer is not `type:id` */
export function asViewer(caller: Caller, viewer: SubjectInput): Caller {
  const { type, id } = parsePrincipal(viewer, "viewer");
  return caller.withSettings({ viewer_type: type, viewer_id: id });
}
