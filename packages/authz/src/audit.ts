import { columns, int, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

/** A change of a grant or a rule, and who made it. */
export type AuditEvent = z.infer<typeof AuditEvent>;

const AuditEvent = z
  .object({
    id: columns.bigint,
    eventId: z.string(),
    eventType: z.enum([
      "tuple_created",
      "tuple_updated",
      "tuple_deleted",
      "hierarchy_created",
      "hierarchy_deleted",
    ]),
    eventTime: columns.timestamptz,
    actorId: z.string().nullable(),
    requestId: z.string().nullable(),
    reason: z.string().nullable(),
    onBehalfOf: z.string().nullable(),
    sessionUserName: z.string(),
    currentUserName: z.string(),
    clientAddr: z.string().nullable(),
    applicationName: z.string().nullable(),
    resourceType: z.string(),
    resourceId: z.string(),
    relation: z.string(),
    subjectType: z.string(),
    subjectId: z.string(),
    subjectRelation: z.string().nullable(),
    tupleId: columns.bigint.nullable(),
    expiresAt: columns.timestamptz.nullable(),
    /** Opaque; give it as `before` to get the page after this event. */
    cursor: z.string(),
  })
  .transform(({ resourceType, resourceId, subjectType, subjectId, subjectRelation, ...event }) => ({
    ...event,
    resource: { type: resourceType, id: resourceId },
    subject: { type: subjectType, id: subjectId, relation: subjectRelation ?? undefined },
  }));

export interface AuditQuery extends CallOptions {
  /** Events on the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** Cursor of the last event of the page before. */
  readonly before?: string | undefined;
  readonly eventType?: AuditEvent["eventType"] | undefined;
  readonly actorId?: string | undefined;
  readonly resource?: ResourceInput | undefined;
  readonly subject?: SubjectInput | undefined;
}

export interface Audit {
  /**
   * A page of the audit, newest first.
   *
   * @example
   * const page = await postkit.authz.getAuditEvents({ resource: "repo:api", limit: 20 });
   * const next = await postkit.authz.getAuditEvents({ resource: "repo:api", before: page.at(-1)?.cursor });
   *
   * @throws `authz.VAL_NOT_POSITIVE`, `authz.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole
   * @throws `authz.VAL_CURSOR_INVALID` when `before` is not a cursor
   */
  getAuditEvents(query?: AuditQuery): Promise<AuditEvent[]>;
}

export function audit(caller: Caller): Audit {
  return {
    getAuditEvents: async ({
      limit,
      before,
      eventType,
      actorId,
      resource,
      subject,
      ...options
    } = {}) => {
      const on = resource === undefined ? undefined : parseResource(resource);
      const to = subject === undefined ? undefined : parsePrincipal(subject);
      return caller.rows(
        "authz.get_audit_events",
        {
          p_limit: limit === undefined ? undefined : int(limit),
          p_cursor: before,
          p_event_type: eventType,
          p_actor_id: actorId,
          p_resource_type: on?.type,
          p_resource_id: on?.id,
          p_subject_type: to?.type,
          p_subject_id: to?.id,
        },
        AuditEvent,
        options,
      );
    },
  };
}
