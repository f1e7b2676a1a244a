import type { Caller } from "@postkit/core";
import { audit, type Audit } from "./audit.ts";
import { checks, type Checks } from "./checks.ts";
import { expirations, type Expirations } from "./expirations.ts";
import { resources, type Resources } from "./resources.ts";
import { hierarchy, type Hierarchy } from "./hierarchy.ts";
import { maintenance, type Maintenance } from "./maintenance.ts";
import { tuples, type Tuples } from "./tuples.ts";

/** The typed client of authz: one method a function of the schema, flat. */
export interface AuthzClient
  extends Tuples, Expirations, Hierarchy, Checks, Resources, Audit, Maintenance {}

export function createAuthzClient(caller: Caller): AuthzClient {
  return Object.freeze({
    ...tuples(caller),
    ...expirations(caller),
    ...hierarchy(caller),
    ...checks(caller),
    ...resources(caller),
    ...audit(caller),
    ...maintenance(caller),
  });
}
