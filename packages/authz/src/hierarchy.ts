import { columns, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";

export interface Hierarchy {
  /**
   * Makes one permission imply another on a type of resource: who has `permission` has what it `implies` as well. It
   * makes nobody a member of a group: `team:eng#member` remains those to whom `member` was granted.
   *
   * @example
   * await postkit.authz.addHierarchy("repo", "admin", "write");
   *
   * @returns the rule's id, the existing one on a repeat
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.BIZ_CYCLE_SELF`, `authz.BIZ_CYCLE_HIERARCHY`
   */
  addHierarchy(
    resourceType: string,
    permission: string,
    implies: string,
    options?: CallOptions,
  ): Promise<string>;
  /**
   * Takes a rule back.
   *
   * @returns whether there was such a rule
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_NAMESPACE_*`
   */
  removeHierarchy(
    resourceType: string,
    permission: string,
    implies: string,
    options?: CallOptions,
  ): Promise<boolean>;
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
    addHierarchy: async (resourceType, permission, implies, options) =>
      caller.value(
        "authz.add_hierarchy",
        ruleArguments(resourceType, permission, implies),
        columns.bigint,
        options,
      ),
    removeHierarchy: async (resourceType, permission, implies, options) =>
      caller.value(
        "authz.remove_hierarchy",
        ruleArguments(resourceType, permission, implies),
        z.boolean(),
        options,
      ),
    clearHierarchy: async (resourceType, options) =>
      caller.value("authz.clear_hierarchy", { p_resource_type: resourceType }, z.number(), options),
  };
}

function ruleArguments(resourceType: string, permission: string, implies: string) {
  return { p_resource_type: resourceType, p_permission: permission, p_implies: implies };
}
