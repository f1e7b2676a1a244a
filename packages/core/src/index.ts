export {
  createPostkit,
  type Modules,
  type Postkit,
  type PostkitOptions,
  type Transaction,
} from "./postkit.ts";
export type { Apart, Caller, Handle, QueryEvent, Schema } from "./call.ts";
export { columns } from "./columns.ts";
export type { Actor } from "./context.ts";
export type { Executor } from "./executor.ts";
export type { CallOptions } from "./limits.ts";
export type { ListenerOptions, ListenEvent, ListenHandler, Subscription } from "./listen.ts";
export type { Arguments } from "./statement.ts";
export type { TransactionOptions } from "./transaction.ts";
export {
  coreErrors,
  isPostkitError,
  moduleError,
  PostkitError,
  type ErrorRegistry,
  type PostkitErrorFields,
} from "./errors.ts";
export {
  bigint,
  bigintArray,
  date,
  int,
  interval,
  intervalArray,
  json,
  jsonArray,
  textArray,
  timestamp,
  type CastParameter,
  type Parameter,
} from "./parameters.ts";
export type {
  ClientOf,
  MigrationStep,
  ModuleSet,
  PostkitModule,
  TransactionClientOf,
} from "./module.ts";
export {
  migrate,
  type MigrateOptions,
  type MigrateResult,
  type PlanItem,
  type PlanOptions,
} from "./migrate/migrate.ts";
export type { MigrationTarget } from "./migrate/connect.ts";
export type { GrantKind, GrantTo } from "./migrate/grants.ts";
export type { AppliedStep } from "./migrate/state.ts";
export { plan, status, type ModuleStatus } from "./migrate/status.ts";
export { grantRole, revokeRole, type GrantRoleOptions } from "./migrate/grant-role.ts";
export {
  inspect,
  type DatabaseFacts,
  type RoleFacts,
  type SchemaFacts,
  type StrayObject,
  type ServerFacts,
} from "./migrate/inspect.ts";
export {
  reviewGrants,
  type GrantedRole,
  type GrantReview,
  type LostGrant,
} from "./migrate/review-grants.ts";
export {
  verify,
  type ModuleVerification,
  type VerifyFinding,
  type VerifyOptions,
} from "./migrate/verify.ts";
export { installScript } from "./migrate/script.ts";
