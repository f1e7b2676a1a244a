import type { GrantedRole, GrantReview, LostGrant, RoleFacts, SchemaFacts } from "@postkit/core";
import { shorten, type Check } from "./check.ts";

/** For the owner: whether what was granted still holds. */
export function checkGrants({ roles, lost }: GrantReview): Check[] {
  if (roles.length === 0) return [noRolesCheck];
  return roles.map((role) =>
    checkRecordedRole(
      role,
      lost.filter((grant) => grant.role === role.role),
    ),
  );
}

const noRolesCheck: Check = {
  level: "warn",
  name: "grants",
  message: "no role has been given access",
  advice: "Give it to the role that your application connects as: `postkit grant <role>`.",
};

function checkRecordedRole(
  { role, kinds, exists }: GrantedRole,
  lost: readonly LostGrant[],
): Check {
  const name = "grants";
  if (!exists) {
    const message = `${role} was given access and no longer exists`;
    return {
      level: "warn",
      name,
      message,
      advice: `Forget it with \`postkit grant ${role} --revoke\`.`,
    };
  }
  if (lost.length === 0)
    return { level: "ok", name, message: `${role} has all of ${kinds.join(", ")}` };
  const privileges = shorten(lost.map(({ privilege, object }) => `${privilege} on ${object}`));
  return { level: "fail", name, message: `${role} lacks ${privileges}`, advice: grantAdvice(role) };
}

/** For any other role: what it may do in each schema. */
export function checkAccess(role: RoleFacts, schemas: readonly SchemaFacts[]): Check[] {
  return schemas
    .filter(({ name }) => name !== "postkit")
    .map((schema) => checkSchemaAccess(role.name, schema));
}

function checkSchemaAccess(role: string, schema: SchemaFacts): Check {
  const name = "grants";
  const { allowedFunctions, deniedFunctions, deniedTables } = schema;
  if (!schema.isUsable || allowedFunctions.length === 0) {
    return {
      level: "fail",
      name,
      message: `${role} has no access to ${schema.name}`,
      advice: grantAdvice(role),
    };
  }
  const denied = [
    ...deniedFunctions.map((one) => `function ${schema.name}.${one}`),
    ...deniedTables.map((one) => `table ${schema.name}.${one}`),
  ];
  if (denied.length === 0) return { level: "ok", name, message: `${role} may use ${schema.name}` };
  return {
    level: "warn",
    name,
    message: `${role} may use ${schema.name} except ${shorten(denied)}`,
    advice: `Right for what only workers and maintenance need. Otherwise: ${grantAdvice(role)}`,
  };
}

function grantAdvice(role: string): string {
  return `Run \`postkit grant ${role}\` as the role that owns the schemas.`;
}
