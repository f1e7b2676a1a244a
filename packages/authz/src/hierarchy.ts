import { columns, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";

/** A rule: who has `permission` on a resource of this type has what it `implies` as well. */
export interface HierarchyRule {
  readonly resourceType: string;
  readonly permission: string;
  readonly implies: string;
}

export interface Hierarchy {
  /**
   * Makes one permission imply another on a type of resource.
   *
   * @example
   * await postkit.authz.addHierarchy({ resourceType: "repo", permission: "admin", implies: "write" });
   *
   * @returns the rule's id, the existing one on a repeat
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.BIZ_CYCLE_SELF`, `authz.BIZ_CYCLE_HIERARCHY`
   */
  addHierarchy(rule: HierarchyRule, options?: CallOptions): Promise<string>;
  /**
   * Takes a rule back.
   *
   * @returns whether there was such a rule
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_NAMESPACE_*`
   */
  removeHierarchy(rule: HierarchyRule, options?: CallOptions): Promise<boolean>;
  /**
   * Takes back every rule of the tenant for a type of resource.
   *
   * @returns how many there were
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_NAMESPACE_*`
   */
  clearHierarchy(resourceType: string, options?: CallOptions): Promise<number>;
}

export function hierarchy(caller: Caller): Hierarchy {
  return {
    addHierarchy: async (rule, options) =>
      caller.value("authz.add_hierarchy", ruleArguments(rule), columns.bigint, options),
    removeHierarchy: async (rule, options) =>
      caller.value("authz.remove_hierarchy", ruleArguments(rule), z.boolean(), options),
    clearHierarchy: async (resourceType, options) =>
      caller.value("authz.clear_hierarchy", { p_resource_type: resourceType }, z.number(), options),
  };
}

function ruleArguments({ resourceType, permission, implies }: HierarchyRule) {
  return { p_resource_type: resourceType, p_permission: permission, p_implies: implies };
}
