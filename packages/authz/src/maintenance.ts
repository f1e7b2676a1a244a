import { columns, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";

/** How much there is in a tenant; counts as text, since they may pass 2^53. */
export type AuthzStats = z.infer<typeof AuthzStats>;

const AuthzStats = z.object({
  /** Tuples, those that have ended and are still stored among them. */
  tupleCount: columns.bigint,
  /** Rules of the tenant and of namespace `global`. */
  hierarchyRuleCount: columns.bigint,
  /** Subjects of type `user` that have a tuple. */
  uniqueUsers: columns.bigint,
  /** Resources that have a tuple. */
  uniqueResources: columns.bigint,
});

/** Something that is not as it should be. */
export type IntegrityFinding = z.infer<typeof IntegrityFinding>;

const IntegrityFinding = z.object({
  resourceType: z.string(),
  /** `group_cycles`, `resource_cycles`, `type_graph` or `audit_partitions`. */
  resourceId: z.string(),
  status: z.enum(["warning", "error"]),
  details: z.string(),
});

export interface Maintenance {
  /**
   * How much there is in the tenant.
   *
   * @example
   * const { tupleCount } = await postkit.authz.getStats();
   */
  getStats(options?: CallOptions): Promise<AuthzStats>;
  /**
   * What is not as it should be: cycles of groups or of resources, which only raw SQL can make, grants that are not found
   * since they were loaded with triggers off, and events of any tenant in the audit's default partition.
   *
   * @example
   * for (const { status, details } of await postkit.authz.verifyIntegrity()) console.error(status, details);
   *
   * @returns nothing when all is well
   */
  verifyIntegrity(options?: CallOptions): Promise<IntegrityFinding[]>;
  /**
   * Adds what is missing to what is known of the tenant's types: which are groups and which contain which. Needed after
   * grants were loaded with triggers off.
   *
   * @throws `authz.BIZ_ISOLATION_LEVEL` above read committed, when it would let types contain each other
   */
  rebuildGraph(options?: CallOptions): Promise<void>;
}

export function maintenance(caller: Caller): Maintenance {
  return {
    getStats: async (options) => {
      const [stats] = await caller.rows("authz.get_stats", {}, AuthzStats, options);
      return stats as AuthzStats;
    },
    verifyIntegrity: async (options) =>
      caller.rows("authz.verify_integrity", {}, IntegrityFinding, options),
    rebuildGraph: async (options) =>
      caller.value(
        "authz.rebuild_graph",
        {},
        z.unknown().transform(() => undefined),
        options,
      ),
  };
}
