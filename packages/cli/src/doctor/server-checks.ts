import type { RoleFacts, SchemaFacts, ServerFacts } from "@postkit/core";
import { shorten, type Check } from "./check.ts";

const oldestVersionNumber = 140_000;

export function checkServer(server: ServerFacts): Check[] {
  return [
    checkVersion(server),
    checkEncoding(server),
    ...(server.isReplica ? [replicaCheck] : []),
    ...(server.isPooled ? [poolerCheck] : []),
  ];
}

function checkVersion({ version, versionNumber }: ServerFacts): Check {
  const check = { name: "server", message: `PostgreSQL ${version}` };
  if (versionNumber >= oldestVersionNumber) return { level: "ok", ...check };
  return {
    level: "fail",
    ...check,
    advice: "Postkit needs PostgreSQL 14 or newer: upgrade the server.",
  };
}

function checkEncoding({ encoding }: ServerFacts): Check {
  const check = { name: "encoding", message: encoding };
  if (encoding === "UTF8") return { level: "ok", ...check };
  return {
    level: "fail",
    ...check,
    advice: "Make a database with: create database … encoding 'UTF8' template template0.",
  };
}

const replicaCheck: Check = {
  level: "warn",
  name: "server",
  message: "this is a standby, which only reads",
  advice: "Migrate and write on its primary.",
};

const poolerCheck: Check = {
  level: "ok",
  name: "pooler",
  message: "a connection pooler stands in between",
  advice: "That works in transaction mode.",
};

/** The role of this connection, which may be the application's or the one that migrates. */
export function checkRole({ name, isSuperuser, bypassesRls }: RoleFacts): Check {
  if (!isSuperuser && !bypassesRls) {
    return { level: "ok", name: "role", message: `${name} is bound by row level security` };
  }
  return {
    level: "warn",
    name: "role",
    message: `${name} ${isSuperuser ? "is a superuser" : "has BYPASSRLS"}: row level security does not keep tenants apart for it`,
    advice:
      "Let the application connect as a role of its own, and give it access with `postkit grant <role>`.",
  };
}

/** Functions that run as their owner see what the owner sees, so it matters who that is. */
export function checkOwners(schemas: readonly SchemaFacts[]): Check[] {
  if (schemas.length === 0) return [];
  const owners = new Set(schemas.map(({ owner }) => owner));
  const isBypassing = schemas.some(({ ownerBypassesRls }) => ownerBypassesRls);
  const [owner = ""] = owners;
  const found = [
    ...(owners.size > 1 ? [differentOwners(schemas)] : []),
    ...schemas.filter(({ strayObjects }) => strayObjects.length > 0).map(strayedCheck),
    ...(owners.size === 1 && isBypassing ? [bypassingOwner(owner)] : []),
  ];
  if (found.length > 0) return found;
  return [{ level: "ok", name: "owner", message: `${owner} owns the schemas` }];
}

function bypassingOwner(owner: string): Check {
  return {
    level: "warn",
    name: "owner",
    message: `${owner} owns the schemas and is not bound by row level security`,
    advice:
      "Migrate as a role without SUPERUSER and BYPASSRLS: functions that run as their owner are then bound, too.",
  };
}

/** The owner cannot change them, and what runs as its owner there sees what that other role sees. */
function strayedCheck({ name, owner, strayObjects }: SchemaFacts): Check {
  const objects = shorten(strayObjects.map((one) => `${one.kind} ${one.name} ${one.owner}`));
  return {
    level: "fail",
    name: "owner",
    message: `the schema ${name} belongs to ${owner}, but not all in it: ${objects}`,
    advice: `Give them to it as a superuser: alter table … owner to ${owner}, alter function … owner to ${owner}.`,
  };
}

function differentOwners(schemas: readonly SchemaFacts[]): Check {
  return {
    level: "warn",
    name: "owner",
    message: `the schemas have different owners: ${schemas.map(({ name, owner }) => `${name} ${owner}`).join(", ")}`,
    advice:
      "Only the owner of all of them can migrate and grant: alter schema … owner to … as a superuser.",
  };
}
