import { moduleError, type ErrorRegistry, type PostkitError } from "@postkit/core";

/** The codes authz raises, with their SQLSTATEs. */
export const authzErrors = {
  VAL_IDENTIFIER_NULL: "22004",
  VAL_IDENTIFIER_EMPTY: "22026",
  VAL_IDENTIFIER_TOO_LONG: "22001",
  VAL_IDENTIFIER_FORMAT: "22023",
  VAL_ID_NULL: "22004",
  VAL_ID_EMPTY: "22026",
  VAL_ID_TOO_LONG: "22001",
  VAL_ID_INVALID_CHARS: "22023",
  VAL_ID_WHITESPACE: "22023",
  VAL_NAMESPACE_NULL: "22004",
  VAL_NAMESPACE_EMPTY: "22026",
  VAL_NAMESPACE_TOO_LONG: "22001",
  VAL_NAMESPACE_INVALID_CHARS: "22023",
  VAL_NAMESPACE_WHITESPACE: "22023",
  VAL_KEY_TOO_LONG: "22001",
  VAL_CURSOR_INVALID: "22023",
  VAL_NOT_POSITIVE: "22023",
  VAL_LIMIT_TOO_LARGE: "22023",
  VAL_BATCH_TOO_LARGE: "22023",
  VAL_BATCH_INVALID: "22023",
  VAL_ARRAY_ELEMENT_INVALID: "22023",
  VAL_EXPIRATION_FUTURE: "23514",
  VAL_YEAR_OUT_OF_RANGE: "22023",
  VAL_MONTH_OUT_OF_RANGE: "22023",
  BIZ_SELF_MEMBERSHIP: "PK001",
  BIZ_CYCLE_GROUP: "PK001",
  BIZ_SELF_PARENT: "PK001",
  BIZ_ISOLATION_LEVEL: "25001",
  BIZ_CYCLE_RESOURCE: "PK001",
  BIZ_CYCLE_SELF: "PK001",
  BIZ_CYCLE_HIERARCHY: "PK001",
  BIZ_TENANT_NOT_SET: "42501",
  BIZ_TENANT_MISMATCH: "42501",
  BIZ_GLOBAL_PROTECTED: "42501",
  BIZ_RLS_NOT_ACTIVE: "55000",
} as const satisfies ErrorRegistry;

export type AuthzErrorCode = keyof typeof authzErrors;

/** An error that the client raises with the code the database would have used. */
export function authzError(code: AuthzErrorCode, message: string): PostkitError {
  return moduleError("authz", authzErrors, code, message);
}
