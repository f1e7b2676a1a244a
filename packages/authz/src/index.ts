export { authz } from "./module.ts";
export type { AuthzClient } from "./client.ts";
export { authzErrors, type AuthzErrorCode } from "./errors.ts";
export type { GrantTarget, ResourceInput, SubjectInput } from "./references.ts";
export type {
  DesiredGrant,
  GrantChange,
  GrantOptions,
  ResourcesTarget,
  SubjectsTarget,
  TransferTarget,
} from "./tuples.ts";
export type {
  ExpirationOptions,
  ExpiringGrant,
  ExpiringQuery,
  ExtensionOptions,
} from "./expirations.ts";
export type { Check } from "./checks.ts";
export type {
  Explanation,
  ExplanationEdge,
  ExplanationNearMiss,
  ExplanationObstacle,
  ExplanationPath,
} from "./explanations.ts";
export type { ColumnType, ResourcePage, SqlFilterOptions } from "./resources.ts";
export type { SqlFragment } from "./sql-fragment.ts";
export type {
  AuditEvent,
  AuditMonth,
  AuditQuery,
  DropPartitionsOptions,
  EnsurePartitionsOptions,
} from "./audit.ts";
export type { AuthzStats, IntegrityFinding } from "./maintenance.ts";
export type {
  ResourceGrant,
  ResourceGrantsQuery,
  SubjectGrant,
  SubjectGrantsQuery,
} from "./grants.ts";
export type { ExternalGrant, ExternalResource, ExternalResourcesQuery } from "./sharing.ts";
export type { ListedSubject, SubjectPage, SubjectQuery } from "./subjects.ts";
