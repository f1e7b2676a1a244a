import type { Caller } from "@postkit/core";
import { audit, type Audit } from "./audit.ts";
import { checks, type Checks } from "./checks.ts";
import { expirations, type Expirations } from "./expirations.ts";
import { grants, type Grants } from "./grants.ts";
import { resources, type Resources } from "./resources.ts";
import { explanations, type Explanations } from "./explanations.ts";
import { hierarchy, type Hierarchy } from "./hierarchy.ts";
import { maintenance, type Maintenance } from "./maintenance.ts";
import type { SubjectInput } from "./references.ts";
import { asViewer, sharing, type Sharing } from "./sharing.ts";
import { subjects, type Subjects } from "./subjects.ts";
import { tuples, type Tuples } from "./tuples.ts";

/** The typed client of authz: one method a function of the schema, flat. */
export interface AuthzClient
  extends
    Tuples,
    Expirations,
    Hierarchy,
    Checks,
    Explanations,
    Resources,
    Subjects,
    Grants,
    Sharing,
    Audit,
    Maintenance {
  /**
   * The same client bound to one viewer: it lists and leaves external resources for that subject and refuses any other.
   * Each call carries the viewer; nothing of it stays on the connection.
   *
   * @example
   * const mine = postkit.authz.withViewer("user:alice");
   * const shared = await mine.listExternalResources("user:alice", "doc", "read");
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the viewer is not `type:id`
   * @throws `authz.VAL_ID_INVALID_CHARS` when the text names the holders of a relation
   */
  withViewer(viewer: SubjectInput): AuthzClient;
}

export function createAuthzClient(caller: Caller, hasViewer = false): AuthzClient {
  return Object.freeze({
    ...tuples(caller),
    ...expirations(caller),
    ...hierarchy(caller),
    ...checks(caller),
    ...explanations(caller),
    ...resources(caller),
    ...subjects(caller),
    ...grants(caller),
    ...sharing(caller, hasViewer),
    ...audit(caller),
    ...maintenance(caller),
    withViewer: (viewer: SubjectInput) => createAuthzClient(asViewer(caller, viewer), true),
  });
}
