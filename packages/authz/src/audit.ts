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
  /** Events on resources of this type; without effect where `resource` is given. */
  readonly resourceType?: string | undefined;
  readonly subject?: SubjectInput | undefined;
  /** Events of subjects of this type; without effect where `subject` is given. */
  readonly subjectType?: string | undefined;
}

/** A month of the audit, in UTC. */
export interface AuditMonth extends CallOptions {
  /** 1970 to 9999. */
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
}

export interface EnsurePartitionsOptions extends CallOptions {
  /** Months after this one, 0 to 120. @defaultValue 3 */
  readonly monthsAhead?: number | undefined;
}

export interface DropPartitionsOptions extends CallOptions {
  /** Whole months that are kept before this one, 0 to 1200. @defaultValue 84 */
  readonly olderThanMonths?: number | undefined;
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
  /**
   * Makes the partition of the audit for a month, for all tenants, and moves there what fell into the default one for
   * want of it. Grants wait meanwhile and do not fail. Like all that is about partitions, it needs a role that was given
   * maintenance, `postkit grant my_cron --maintenance`, and is best called outside a transaction.
   *
   * @example
   * await postkit.authz.createAuditPartition({ year: 2026, month: 1 }); // "audit_events_y2026m01"
   *
   * @returns its name; null when it is there already
   * @throws `authz.VAL_YEAR_OUT_OF_RANGE`, `authz.VAL_MONTH_OUT_OF_RANGE`
   */
  createAuditPartition(month: AuditMonth): Promise<string | null>;
  /**
   * Makes the partitions of the audit that are missing, from this month on; to be called every month or more often.
   *
   * @returns the names of those it made
   * @throws `authz.VAL_MONTH_OUT_OF_RANGE`
   */
  ensureAuditPartitions(options?: EnsurePartitionsOptions): Promise<string[]>;
  /**
   * Destroys the events of all tenants that are older than a number of months, by whole months.
   *
   * @returns the names of the partitions that are gone
   * @throws `authz.VAL_MONTH_OUT_OF_RANGE`
   */
  dropAuditPartitions(options?: DropPartitionsOptions): Promise<string[]>;
}

const PartitionName = z.object({ r: z.string() }).transform(({ r }) => r);

export function audit(caller: Caller): Audit {
  return {
    getAuditEvents: async ({
      limit,
      before,
      eventType,
      actorId,
      resource,
      resourceType,
      subject,
      subjectType,
      ...options
    } = {}) => {
      const on = resource === undefined ? undefined : parseResource(resource);
      const to = subject === undefined ? undefined : parsePrincipal(subject);
      return caller.rows(
        "authz.get_audit_events",
        {
          p_limit: optionalInt(limit),
          p_cursor: before,
          p_event_type: eventType,
          p_actor_id: actorId,
          p_resource_type: on?.type ?? resourceType,
          p_resource_id: on?.id,
          p_subject_type: to?.type ?? subjectType,
          p_subject_id: to?.id,
        },
        AuditEvent,
        options,
      );
    },
    createAuditPartition: async ({ year, month, ...options }) =>
      caller.unscoped.value(
        "authz.create_audit_partition",
        { p_year: int(year), p_month: int(month) },
        z.string().nullable(),
        options,
      ),
    ensureAuditPartitions: async ({ monthsAhead, ...options } = {}) =>
      caller.unscoped.rows(
        "authz.ensure_audit_partitions",
        { p_months_ahead: optionalInt(monthsAhead) },
        PartitionName,
        options,
      ),
    dropAuditPartitions: async ({ olderThanMonths, ...options } = {}) =>
      caller.unscoped.rows(
        "authz.drop_audit_partitions",
        { p_older_than_months: optionalInt(olderThanMonths) },
        PartitionName,
        options,
      ),
  };
}

function optionalInt(value: number | undefined) {
  return value === undefined ? undefined : int(value);
}
