import { columns, interval, timestamp, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { grantArguments, type GrantTarget } from "./references.ts";

export interface ExpirationOptions extends GrantTarget, CallOptions {
  /** The new end of the grant, in the future; null for none. */
  readonly expiresAt: Date | null;
}

export interface ExtensionOptions extends GrantTarget, CallOptions {
  /** By how much: milliseconds, or ISO 8601 as `P30D`; more than nothing and at most 10,000 years. */
  readonly extension: number | string;
}

export interface ExpiringQuery extends CallOptions {
  /** How soon: milliseconds, or ISO 8601. @defaultValue `P7D` */
  readonly within?: number | string | undefined;
}

/** A live grant that ends. */
export type ExpiringGrant = z.infer<typeof ExpiringGrant>;

const ExpiringGrant = z
  .object({
    resourceType: z.string(),
    resourceId: z.string(),
    relation: z.string(),
    subjectType: z.string(),
    subjectId: z.string(),
    subjectRelation: z.string().nullable(),
    expiresAt: columns.timestamptz,
  })
  .transform((grant) => ({
    resource: { type: grant.resourceType, id: grant.resourceId },
    relation: grant.relation,
    subject: {
      type: grant.subjectType,
      id: grant.subjectId,
      relation: grant.subjectRelation ?? undefined,
    },
    expiresAt: grant.expiresAt,
  }));

export interface Expirations {
  /**
   * Gives a grant a new end, whatever its end was; one that is over lives again. `team:eng` and `team:eng#member` are
   * two grants.
   *
   * @example
   * const target = { resource: "repo:api", subject: "user:alice" };
   * await postkit.authz.setExpiration("admin", { ...target, expiresAt: new Date("2030-01-01") });
   * await postkit.authz.extendExpiration("admin", { ...target, extension: "P30D" });
   *
   * @returns whether there is such a grant
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   * @throws `authz.VAL_EXPIRATION_FUTURE` when `expiresAt` is over already; `core.VAL_ARGUMENT` when it is no Date
   */
  setExpiration(permission: string, options: ExpirationOptions): Promise<boolean>;
  /**
   * Makes a grant one without end; one that is over lives again.
   *
   * @returns whether there is such a grant
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   */
  clearExpiration(permission: string, options: GrantTarget & CallOptions): Promise<boolean>;
  /**
   * Moves the end of a grant; one that is over is extended from now. Calls at the same time add up.
   *
   * @returns the new end
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_ID_*`, `authz.VAL_NAMESPACE_*`
   * @throws `authz.VAL_INTERVAL_NOT_POSITIVE`, `authz.VAL_INTERVAL_TOO_LARGE`
   * @throws `authz.DATA_GRANT_NOT_FOUND`, `authz.BIZ_GRANT_NO_EXPIRATION`
   */
  extendExpiration(permission: string, options: ExtensionOptions): Promise<Date>;
  /**
   * The live grants that end soon, the next one first.
   *
   * @throws `authz.VAL_INTERVAL_NOT_POSITIVE`, `authz.VAL_INTERVAL_TOO_LARGE`
   */
  listExpiring(query?: ExpiringQuery): Promise<ExpiringGrant[]>;
  /** Deletes the grants that are over, which give nothing to anybody any more, and tells how many there were. */
  cleanupExpired(options?: CallOptions): Promise<{ tuplesDeleted: number }>;
}

export function expirations(caller: Caller): Expirations {
  return {
    setExpiration: async (permission, { resource, subject, expiresAt, ...options }) =>
      caller.value(
        "authz.set_expiration",
        {
          ...grantArguments(permission, { resource, subject }),
          p_expires_at: timestamp(expiresAt),
        },
        z.boolean(),
        options,
      ),
    clearExpiration: async (permission, { resource, subject, ...options }) =>
      caller.value(
        "authz.clear_expiration",
        grantArguments(permission, { resource, subject }),
        z.boolean(),
        options,
      ),
    extendExpiration: async (permission, { resource, subject, extension, ...options }) =>
      caller.value(
        "authz.extend_expiration",
        {
          ...grantArguments(permission, { resource, subject }),
          p_extension: interval(extension ?? null),
        },
        columns.timestamptz,
        options,
      ),
    listExpiring: async ({ within, ...options } = {}) =>
      caller.rows(
        "authz.list_expiring",
        { p_within: within === undefined ? undefined : interval(within) },
        ExpiringGrant,
        options,
      ),
    cleanupExpired: async (options) => {
      const tuplesDeleted = await caller.value("authz.cleanup_expired", {}, count, options);
      return { tuplesDeleted };
    },
  };
}

const count = columns.bigint.transform(Number);
