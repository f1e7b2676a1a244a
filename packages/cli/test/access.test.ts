import { pgbouncerAvailable, startPgbouncer, withClient } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

import { installCommand, type InstalledCommand, type Outcome } from "./support/command.ts";
import { authzSetting, ledgerSetting, modulesSetting } from "./support/setting.ts";

let command: InstalledCommand;
beforeAll(async () => {
  command = await installCommand(["authz", "queue"]);
});
afterAll(() => command[Symbol.asyncDispose]());

const checkCall = "select authz.check('user', 'alice', 'read', 'doc', '1', 'acme')";

describe.concurrent("postkit grant", () => {
  it("lets a role use the modules, and takes that back", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    const { appRole, app } = setting.db;
    await expect(app.query(checkCall)).rejects.toMatchObject({ code: "42501" });
    const granted = await setting.postkit("grant", appRole, "--worker", "--maintenance", "--json");
    expect(granted).toMatchObject({
      code: 0,
      json: { role: appRole, kinds: ["app", "worker", "maintenance"] },
    });
    expect((await app.query(checkCall)).rowCount).toBe(1);
    const revoked = await setting.postkit("grant", appRole, "--revoke", "--json");
    expect(revoked).toMatchObject({ code: 0, json: { role: appRole, revoked: true } });
    await expect(app.query(checkCall)).rejects.toMatchObject({ code: "42501" });
    const again = await setting.postkit("grant", appRole, "--revoke", "--json");
    expect(again).toMatchObject({ code: 0, json: { role: appRole, revoked: false } });
  });

  it("gives each kind of role what it needs of queue", async () => {
    await using setting = await modulesSetting(command);
    const { appRole, app } = setting.db;
    const outcomeOf = (call: string) =>
      app.query(`select ${call}`).then(
        () => "done",
        (error: { code?: string }) => error.code,
      );
    const push = `queue.push('acme', 'email', '{}') from queue.set_tenant('acme')`;
    const maintain = "queue.maintain()";
    const pullGlobal = "queue.pull_global(array['email'])";
    const dropPartitions = "queue.drop_archive_partitions()";
    const calls = [push, maintain, pullGlobal, dropPartitions];
    const outcomes = () => Promise.all(calls.map(outcomeOf));
    const refused = "42501";
    await expect(outcomes()).resolves.toEqual([refused, refused, refused, refused]);
    expect(await setting.postkit("grant", appRole)).toMatchObject({ code: 0 });
    await expect(outcomes()).resolves.toEqual(["done", refused, refused, refused]);
    expect(await setting.postkit("grant", appRole, "--worker")).toMatchObject({ code: 0 });
    await expect(outcomes()).resolves.toEqual(["done", "done", "done", refused]);
    expect(await setting.postkit("grant", appRole, "--maintenance")).toMatchObject({ code: 0 });
    await expect(outcomes()).resolves.toEqual(["done", "done", "done", "done"]);
    expect(await setting.postkit("grant", appRole, "--revoke")).toMatchObject({ code: 0 });
    await expect(outcomes()).resolves.toEqual([refused, refused, refused, refused]);
  });

  it("can be part of migrating", async () => {
    await using setting = await authzSetting(command);
    const { appRole, app } = setting.db;
    expect(await setting.postkit("migrate", "up", "--grant-to", appRole)).toMatchObject({
      code: 0,
    });
    expect((await app.query(checkCall)).rowCount).toBe(1);
    // Nothing is pending, so the application may do the same at each start.
    expect(await setting.postkitAsApp("migrate", "up")).toMatchObject({ code: 0 });
  });

  it("refuses a role that does not exist", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    const refused = await setting.postkit("grant", "no_such_role", "--json");
    expect(refused).toMatchObject({
      code: 1,
      json: { error: { module: "core", code: "BIZ_ROLE_UNKNOWN", sqlstate: "42704" } },
    });
  });

  it("refuses to give what is not installed", async () => {
    await using setting = await authzSetting(command);
    const refused = await setting.postkit("grant", setting.db.appRole, "--json");
    expect(refused).toMatchObject({ code: 1, json: { error: { code: "MIG_NOT_INSTALLED" } } });
    expect(refused.stderr).toContain("postkit migrate up");
  });

  it("is for the owner only", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    const { appRole } = setting.db;
    await setting.postkit("grant", appRole);
    const refused = await setting.postkitAsApp("grant", appRole, "--maintenance", "--json");
    expect(refused).toMatchObject({
      code: 1,
      json: { error: { code: "MIG_NOT_PERMITTED", sqlstate: "42501" } },
    });
  });
});

interface Check {
  level: string;
  name: string;
  message: string;
  advice?: string;
}

function checksOf(outcome: Outcome): Check[] {
  return (outcome.json as { checks: Check[] }).checks;
}

function checkNamed(outcome: Outcome, name: string): Check {
  const check = checksOf(outcome).find((one) => one.name === name);
  if (check === undefined) throw new Error(`no check ${name} in ${outcome.stdout}`);
  return check;
}

describe.concurrent("postkit doctor", () => {
  it("finds an owner's database in order", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    await setting.postkit("grant", setting.db.appRole);
    const healthy = await setting.postkit("doctor", "--json");
    expect(healthy).toMatchObject({ code: 0, stderr: "" });
    const { ownerRole, appRole } = setting.db;
    expect(checksOf(healthy)).toEqual([
      { level: "ok", name: "server", message: expect.stringMatching(/^PostgreSQL \d+/) as string },
      { level: "ok", name: "encoding", message: "UTF8" },
      { level: "ok", name: "role", message: `${ownerRole} is bound by row level security` },
      { level: "ok", name: "authz", message: "up to date at 0001_init" },
      { level: "ok", name: "owner", message: `${ownerRole} owns the schemas` },
      { level: "ok", name: "grants", message: `${appRole} has all of app` },
    ]);
  });

  it("finds a database with several modules in order, and tells what a role has lost of any", async () => {
    await using setting = await modulesSetting(command);
    const { appRole, owner } = setting.db;
    await setting.postkit("grant", appRole, "--worker");
    const healthy = await setting.postkit("doctor", "--json");
    expect(healthy.code).toBe(0);
    for (const name of ["authz", "queue"]) {
      const upToDate = { level: "ok", name, message: "up to date at 0001_init" };
      expect(checkNamed(healthy, name)).toEqual(upToDate);
    }
    expect(checkNamed(healthy, "grants")).toEqual({
      level: "ok",
      name: "grants",
      message: `${appRole} has all of app, worker`,
    });
    const asApp = await setting.postkitAsApp("doctor", "--json");
    expect(checkNamed(asApp, "grants")).toMatchObject({ level: "ok" });
    await owner.query(`revoke execute on function queue.maintain(interval) from ${appRole}`);
    const told = await setting.postkit("doctor", "--json");
    expect(told.code).toBe(1);
    expect(checkNamed(told, "grants")).toMatchObject({
      level: "fail",
      message: `${appRole} lacks execute on function queue.maintain`,
    });
  });

  it("prints a line for each check and what to do, for people", async () => {
    await using setting = await authzSetting(command);
    const told = await setting.postkit("doctor");
    expect(told).toMatchObject({ code: 0, stdout: "" });
    expect(told.stderr).toMatch(/^ok +encoding +UTF8$/m);
    expect(told.stderr).toMatch(
      /^warn +authz +1 step pending: 0001_init\n +Apply with `postkit migrate up`\.$/m,
    );
    expect(told.stderr).toMatch(/^0 failures, 1 warning\.$/m);
  });

  it("warns a superuser", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    const told = await setting.postkitAsSuperuser("doctor", "--json");
    expect(told.code).toBe(0);
    expect(checkNamed(told, "role")).toMatchObject({
      level: "warn",
      message: expect.stringContaining("is a superuser") as string,
    });
    expect(checkNamed(told, "grants")).toMatchObject({
      level: "warn",
      message: "no role has been given access",
    });
  });

  it("fails on a table or function that belongs to another than the schema's owner", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    await setting.db.super.query(`
      alter table authz.audit_events owner to current_user;
      create function authz.extra(p_id int) returns int language sql return p_id;
      alter function authz.extra(int) owner to ${setting.db.appRole}`);
    const told = await setting.postkit("doctor", "--json");
    expect(told.code).toBe(1);
    const check = checkNamed(told, "owner");
    expect(check).toMatchObject({
      level: "fail",
      advice: expect.stringContaining(`owner to ${setting.db.ownerRole}`) as string,
    });
    expect(check.message).toContain("table authz.audit_events");
    expect(check.message).toContain(`function authz.extra(integer) ${setting.db.appRole}`);
  });

  it("tells the owner which grants a recorded role has lost", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    const { appRole, owner, app } = setting.db;
    await setting.postkit("grant", appRole);
    await owner.query(
      `revoke execute on function authz.check(text, text, text, text, text, text) from ${appRole}`,
    );
    await owner.query(`revoke delete on authz.tuples from ${appRole}`);
    const told = await setting.postkit("doctor", "--json");
    expect(told.code).toBe(1);
    expect(checkNamed(told, "grants")).toEqual({
      level: "fail",
      name: "grants",
      message: `${appRole} lacks execute on function authz.check, delete on table authz.tuples`,
      advice: `Run \`postkit grant ${appRole}\` as the role that owns the schemas.`,
    });
    // Looking changed nothing; granting again does.
    await expect(app.query(checkCall)).rejects.toMatchObject({ code: "42501" });
    await setting.postkit("grant", appRole);
    expect(await setting.postkit("doctor")).toMatchObject({ code: 0 });
  });

  it("tells the application's role what it may not do", async () => {
    await using setting = await authzSetting(command, { isMigrated: true });
    const { appRole, owner } = setting.db;
    const stranger = await setting.postkitAsApp("doctor", "--json");
    expect(stranger.code).toBe(1);
    expect(checkNamed(stranger, "grants")).toMatchObject({
      level: "fail",
      message: `${appRole} has no access to authz`,
    });
    await setting.postkit("grant", appRole);
    const granted = await setting.postkitAsApp("doctor", "--json");
    expect(granted.code).toBe(0);
    expect(checkNamed(granted, "grants")).toMatchObject({
      level: "ok",
      message: `${appRole} may use authz`,
    });
    await owner.query(
      `revoke execute on function authz.check(text, text, text, text, text, text) from ${appRole}`,
    );
    await owner.query(`revoke all on authz.tuples from ${appRole}`);
    expect(checkNamed(await setting.postkitAsApp("doctor", "--json"), "grants")).toMatchObject({
      level: "warn",
      message: `${appRole} may use authz except function authz.check, table authz.tuples`,
    });
  });

  it("fails on drift, on a foreign schema and without modules", async () => {
    await using setting = await ledgerSetting(command);
    await setting.db.owner.query("create schema ledger create table theirs ()");
    const foreign = await setting.postkit("doctor", "--json");
    expect(foreign.code).toBe(1);
    expect(checkNamed(foreign, "ledger")).toMatchObject({ level: "fail" });

    await setting.db.owner.query("drop schema ledger cascade");
    await setting.postkit("migrate", "up");
    await setting.db.owner.query("delete from postkit.ledger_migrations where name = '0002_total'");
    expect(checkNamed(await setting.postkit("doctor", "--json"), "ledger")).toMatchObject({
      level: "fail",
      message: expect.stringContaining("postkit.ledger_migrations lacks 0002_total") as string,
    });

    const empty = await command.createProject();
    const { code, stderr } = await empty.run(["doctor", "--database-url", setting.db.ownerUrl]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^fail +modules +the project has no Postkit module installed$/m);
    expect(stderr).toMatch(
      /^warn +ledger +is installed in the database, but this project has no package for it$/m,
    );
  });

  it("fails on another encoding than UTF8", async () => {
    await using setting = await authzSetting(command);
    const name = `${setting.db.name}_latin`;
    const { url } = inject("postkitServer");
    await withClient(url, (client) =>
      client.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`),
    );
    try {
      const told = await setting.project.run(["doctor", "--json"], {
        env: { DATABASE_URL: setting.db.ownerUrl.replace(setting.db.name, name) },
      });
      expect(told.code).toBe(1);
      expect(checkNamed(told, "encoding")).toMatchObject({ level: "fail", message: "LATIN1" });
    } finally {
      await withClient(url, (client) => client.query(`drop database ${name} with (force)`));
    }
  });

  it.skipIf(!pgbouncerAvailable())(
    "notices a pooler (skipped where there is no pgbouncer)",
    async () => {
      await using setting = await authzSetting(command, { isMigrated: true });
      await using pooler = await startPgbouncer(setting.db.superUrl);
      const url = pooler.url(setting.db.name, setting.db.ownerRole);
      const told = await setting.project.run(["doctor", "--json"], { env: { DATABASE_URL: url } });
      expect(checkNamed(told, "pooler")).toMatchObject({ level: "ok" });
      expect(checkNamed(told, "authz")).toMatchObject({ level: "ok" });
    },
  );
});
