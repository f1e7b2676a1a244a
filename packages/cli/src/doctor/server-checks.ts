import type { RoleFacts, SchemaFacts, ServerFacts } from "@postkit/core";
import type { Check } from "./check.ts";

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
  advice:
    "That works in transaction mode. What listens for notifications needs a directConnectionString.",
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
  const owners = [...new Set(schemas.map(({ owner }) => owner))];
  const bypassing = [
    ...new Set(schemas.filter((schema) => schema.ownerBypassesRls).map(({ owner }) => owner)),
  ];
  if (owners.length === 0) return [];
  if (owners.length > 1) return [differentOwners(schemas)];
  if (bypassing.length === 0)
    return [{ level: "ok", name: "owner", message: `${owners.join()} owns the schemas` }];
  return [
    {
      level: "warn",
      name: "owner",
      message: `${bypassing.join()} owns the schemas and is not bound by row level security`,
      advice:
        "Migrate as a role without SUPERUSER and BYPASSRLS: functions that run as their owner are then bound, too.",
    },
  ];
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
