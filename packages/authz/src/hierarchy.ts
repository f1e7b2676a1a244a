import { columns, textArray, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";

export interface Hierarchy {
  /**
   * Makes each permission imply the next one on a type of resource, from the strongest to the weakest. It adds the
   * rules that are missing, all or none, and takes nothing back: `clearHierarchy` before it, in one transaction, puts
   * the list in the place of all rules of the type.
   *
   * @example
   * await postkit.authz.setHierarchy("repo", "owner", "admin", "write", "read");
   *
   * @returns how many rules are new
   * @throws `authz.VAL_IDENTIFIER_*`, `authz.VAL_NAMESPACE_*`, `authz.VAL_KEY_TOO_LONG`
   * @throws `authz.VAL_ARRAY_ELEMENT_INVALID`, `authz.VAL_BATCH_TOO_LARGE` above 1000 permissions
   * @throws `authz.BIZ_CYCLE_SELF`, `authz.BIZ_CYCLE_HIERARCHY`
   */
  setHierarchy(resourceType: string, ...permissions: readonly string[]): Promise<number>;
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
    setHierarchy: async (resourceType, ...permissions) =>
      caller.value(
        "authz.set_hierarchy",
        { p_resource_type: resourceType, p_permissions: textArray(permissions) },
        z.number(),
      ),
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
