import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { installCommand, type InstalledCommand, terminalAvailable } from "./support/command.ts";
import { installFixture, ledger } from "./support/fixture-module.ts";
import { holdMigrationLock, ledgerSetting, schemasOf } from "./support/setting.ts";

let command: InstalledCommand;
beforeAll(async () => {
  command = await installCommand();
});
afterAll(() => command[Symbol.asyncDispose]());

const [init, total] = ledger.steps as [(typeof ledger.steps)[0], (typeof ledger.steps)[0]];
const initUp = {
  module: "ledger",
  name: "0001_init",
  direction: "up",
  file: "migrations/ledger/0001_init.up.sql",
};
const totalUp = {
  module: "ledger",
  name: "0002_total",
  direction: "up",
  file: "migrations/ledger/0002_total.up.sql",
};
const durationMs = expect.any(Number) as number;

describe.concurrent("postkit migrate status", () => {
  it("tells what is pending, writes nothing, and fails with --check only", async () => {
    await using setting = await ledgerSetting(command);
    const told = await setting.postkit("migrate", "status");
    expect(told).toMatchObject({ code: 0, stdout: "" });
    expect(told.stderr).toMatch(/^ledger +pending +- +0 +2$/m);
    expect(await setting.postkit("migrate", "status", "--check")).toMatchObject({
      code: 3,
      stdout: "",
    });
    expect(await schemasOf(setting.db)).toEqual([]);
  });

  it("gives JSON of one shape, with null for what is not there", async () => {
    await using setting = await ledgerSetting(command);
    const pending = await setting.postkit("migrate", "status", "--json", "--check");
    expect(pending).toMatchObject({ code: 3, stderr: "" });
    expect(pending.json).toEqual({
      modules: [
        {
          module: "ledger",
          state: "pending",
          version: null,
          applied: [],
          pending: ["0001_init", "0002_total"],
          problem: null,
        },
      ],
    });
    await setting.postkit("migrate", "up", "--count", "1");
    const { json } = await setting.postkit("migrate", "status", "--json");
    expect(json).toEqual({
      modules: [
        {
          module: "ledger",
          state: "pending",
          version: "0001_init",
          applied: [
            {
              module: "ledger",
              name: "0001_init",
              upChecksum: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
              downChecksum: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
              packageVersion: "1.0.0",
              appliedBy: setting.db.ownerRole,
              appliedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
            },
          ],
          pending: ["0002_total"],
          problem: null,
        },
      ],
    });
  });

  it("works for a role that may only connect", async () => {
    await using setting = await ledgerSetting(command);
    const told = await setting.postkitAsApp("migrate", "status");
    expect(told.code).toBe(0);
    expect(told.stderr).toMatch(/^ledger +pending/m);
  });
});

describe.concurrent("postkit migrate plan", () => {
  it("lists what up would apply and writes nothing", async () => {
    await using setting = await ledgerSetting(command);
    const all = await setting.postkit("migrate", "plan", "--json", "--check");
    expect(all.code).toBe(3);
    expect(all.json).toEqual({ steps: [initUp, totalUp] });
    const one = await setting.postkit(
      "migrate",
      "plan",
      "--json",
      "--module",
      "ledger",
      "--to",
      "1",
    );
    expect(one).toMatchObject({ code: 0, json: { steps: [initUp] } });
    expect(await schemasOf(setting.db)).toEqual([]);
  });

  it("says so when nothing is pending", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    const none = await setting.postkit("migrate", "plan", "--check");
    expect(none).toMatchObject({ code: 0, stdout: "", stderr: "Nothing is pending.\n" });
  });
});

describe.concurrent("postkit migrate up", () => {
  it("applies what is pending, once", async () => {
    await using setting = await ledgerSetting(command);
    const first = await setting.postkit("migrate", "up");
    expect(first).toMatchObject({ code: 0, stdout: "" });
    expect(first.stderr).toMatch(/^ledger +0001_init +up +\d+ ms$/m);
    expect(first.stderr).toContain("Applied 2 steps.");
    expect(await schemasOf(setting.db)).toEqual(["ledger", "postkit"]);
    expect((await setting.postkit("migrate", "up")).stderr).toBe(
      "Up to date: nothing is pending.\n",
    );
    expect(await setting.postkit("migrate", "status", "--check")).toMatchObject({ code: 0 });
  });

  it("stops where it is told, by name, number or count", async () => {
    await using setting = await ledgerSetting(command);
    const byName = await setting.postkit("migrate", "up", "--json", "--to", "0001_init");
    expect(byName.json).toEqual({ dryRun: false, steps: [{ ...initUp, durationMs }] });
    const byCount = await setting.postkit("migrate", "up", "--json", "--count", "1");
    expect(byCount.json).toEqual({ dryRun: false, steps: [{ ...totalUp, durationMs }] });
    const beyond = await setting.postkit("migrate", "up", "--json", "--to", "0009");
    expect(beyond).toMatchObject({
      code: 2,
      json: { error: { module: "core", code: "MIG_STEP_UNKNOWN" } },
    });
  });

  it("writes nothing in a dry run", async () => {
    await using setting = await ledgerSetting(command);
    const dry = await setting.postkit("migrate", "up", "--dry-run", "--json");
    expect(dry).toMatchObject({ code: 0, json: { dryRun: true, steps: [initUp, totalUp] } });
    expect(await schemasOf(setting.db)).toEqual([]);
  });

  it("names module, file and PostgreSQL's message when a step fails, and leaves nothing behind", async () => {
    const broken = { ...total, up: "select ledger.no_such_function();\n" };
    await using setting = await ledgerSetting(command, {
      module: { name: "ledger", steps: [init, broken] },
    });
    const failed = await setting.postkit("migrate", "up", "--json");
    expect(failed.code).toBe(1);
    expect(failed.json).toEqual({
      error: {
        module: "core",
        code: "MIG_FAILED",
        sqlstate: "42883",
        message: expect.stringMatching(
          /ledger: migrations\/ledger\/0002_total\.up\.sql failed, nothing was changed: function ledger\.no_such_function\(\) does not exist/,
        ) as string,
        detail: { module: "ledger", file: "migrations/ledger/0002_total.up.sql" },
      },
    });
    expect(failed.stderr).toMatch(/^error: ledger: migrations\/ledger\/0002_total\.up\.sql failed/);
    expect(failed.stderr).not.toMatch(/^ +at /m);
    expect(await schemasOf(setting.db)).toEqual([]);
  });

  it("shows stack traces when it is asked to", async () => {
    await using setting = await ledgerSetting(command, {
      module: { name: "ledger", steps: [{ ...init, up: "nonsense;" }] },
    });
    const failed = await setting.postkit("migrate", "up", "--verbose");
    expect(failed.stderr).toMatch(/^ +at /m);
    expect(failed.stderr).toContain("caused by ");
  });

  it("gives up on a lock that another session holds, and names that session", async () => {
    await using setting = await ledgerSetting(command);
    await using lock = await holdMigrationLock(setting.db);
    const refused = await setting.postkit("migrate", "up", "--lock-timeout", "100ms", "--json");
    expect(refused).toMatchObject({
      code: 5,
      json: { error: { code: "MIG_LOCK_TIMEOUT", sqlstate: "55P03" } },
    });
    expect(refused.stderr).toContain(`held by pid ${lock.pid}`);
    expect(await schemasOf(setting.db)).toEqual([]);
  });

  it("refuses a schema that it did not make", async () => {
    await using setting = await ledgerSetting(command);
    await setting.db.owner.query("create schema ledger create table theirs ()");
    const refused = await setting.postkit("migrate", "up", "--json");
    expect(refused).toMatchObject({ code: 1, json: { error: { code: "MIG_SCHEMA_FOREIGN" } } });
    expect(refused.stderr).toContain("alter schema ledger rename to");
    expect(await setting.postkit("migrate", "status")).toMatchObject({ code: 1 });
    expect(await schemasOf(setting.db)).toEqual(["ledger"]);
  });

  it("tells a role that may not migrate who can", async () => {
    await using setting = await ledgerSetting(command);
    const refused = await setting.postkitAsApp("migrate", "up", "--json");
    expect(refused).toMatchObject({
      code: 1,
      json: { error: { code: "MIG_NOT_PERMITTED", sqlstate: "42501" } },
    });
    expect(refused.stderr).toContain("Migrate as the owner of the schemas");
  });
});

describe.concurrent("a history that changed", () => {
  it("is refused by file name when a step differs from what was applied", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    const steps = [{ ...init, up: `${init.up}create table ledger.more ();\n` }, total];
    await installFixture(setting.project, { name: "ledger", steps });
    for (const action of ["up", "status", "verify"]) {
      const refused = await setting.postkit("migrate", action);
      expect([action, refused.code]).toEqual([action, 4]);
      expect(refused.stderr).toContain(
        "migrations/ledger/0001_init.up.sql was edited after it was applied",
      );
    }
  });

  it("is refused by file name when a shipped file differs from the package", async () => {
    await using setting = await ledgerSetting(command);
    await setting.project.write(
      "node_modules/ledger/migrations/0002_total.down.sql",
      "select 1;\n",
    );
    const refused = await setting.postkit("migrate", "up", "--json");
    expect(refused).toMatchObject({
      code: 4,
      json: {
        error: {
          code: "MIG_DRIFT",
          detail: { module: "ledger", file: "migrations/ledger/0002_total.down.sql" },
        },
      },
    });
    expect(await setting.postkit("migrate", "verify")).toMatchObject({ code: 4 });
    expect(await schemasOf(setting.db)).toEqual([]);
  });

  it("is newer in the database: refused unless that is allowed", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    await installFixture(setting.project, { name: "ledger", steps: [init] });
    const refused = await setting.postkit("migrate", "up", "--json");
    expect(refused).toMatchObject({ code: 7, json: { error: { code: "MIG_AHEAD" } } });
    expect(refused.stderr).toContain("migrations/ledger/0002_total.up.sql");
    expect(await setting.postkit("migrate", "status")).toMatchObject({ code: 7 });
    expect(await setting.postkit("migrate", "verify")).toMatchObject({ code: 7 });
    for (const action of ["up", "status"]) {
      const allowed = await setting.postkit("migrate", action, "--allow-ahead");
      expect([action, allowed.code]).toEqual([action, 0]);
    }
  });
});

describe.concurrent("postkit migrate down", () => {
  it("wants to know which module, or how many steps of each", async () => {
    await using setting = await ledgerSetting(command);
    const vague = await setting.postkit("migrate", "down", "--yes");
    expect(vague).toMatchObject({ code: 2, stdout: "" });
    expect(vague.stderr).toContain("--module <name>");
    expect(await setting.postkit("migrate", "down", "--yes", "--to", "0")).toMatchObject({
      code: 2,
    });
  });

  it("goes one step, and asks for nothing when that destroys nothing", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    const gone = await setting.postkit("migrate", "down", "--module", "ledger");
    expect(gone.code).toBe(0);
    expect(gone.stderr).toContain("Took back 1 step.");
    const { json } = await setting.postkit("migrate", "plan", "--json");
    expect(json).toEqual({ steps: [totalUp] });
  });

  it("destroys data only with --yes where there is no terminal", async () => {
    await using setting = await ledgerSetting(command);
    await setting.postkit("migrate", "up", "--count", "1");
    await setting.db.owner.query("insert into ledger.entries values (1)");
    const refused = await setting.postkit("migrate", "down", "--module", "ledger", "--json");
    expect(refused).toMatchObject({ code: 2, json: { error: { code: "MIG_DATA_LOSS" } } });
    expect(refused.stderr).toContain("destroys data: ledger.entries");
    expect((await setting.db.owner.query("select from ledger.entries")).rowCount).toBe(1);
    const dry = await setting.postkit(
      "migrate",
      "down",
      "--module",
      "ledger",
      "--dry-run",
      "--json",
    );
    expect(dry.json).toEqual({
      dryRun: true,
      steps: [
        {
          module: "ledger",
          name: "0001_init",
          direction: "down",
          file: "migrations/ledger/0001_init.down.sql",
          destroys: "ledger.entries",
        },
      ],
    });
    expect(await setting.postkit("migrate", "down", "--module", "ledger", "--yes")).toMatchObject({
      code: 0,
    });
    expect(await schemasOf(setting.db)).toEqual(["postkit"]);
  });

  it("goes all the way with --to 0", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    const gone = await setting.postkit(
      "migrate",
      "down",
      "--module",
      "ledger",
      "--to",
      "0",
      "--yes",
    );
    expect(gone.stderr).toContain("Took back 2 steps.");
    expect(await schemasOf(setting.db)).toEqual(["postkit"]);
  });

  it("takes every module back with --count all", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    const all = ["migrate", "down", "--count", "all", "--yes"];
    expect(await setting.postkit(...all)).toMatchObject({ code: 0 });
    expect(await schemasOf(setting.db)).toEqual(["postkit"]);
    expect((await setting.postkit(...all)).stderr).toBe("Nothing to take back.\n");
  });
});

describe
  .skipIf(!terminalAvailable())
  .concurrent("on a terminal (skipped where there is no script command)", () => {
    it("asks before it destroys data, and takes anything but yes for a no", async () => {
      await using setting = await ledgerSetting(command, { isMigrated: true });
      const env = { DATABASE_URL: setting.db.ownerUrl };
      const args = ["migrate", "down", "--module", "ledger", "--to", "0"];
      const declined = await setting.project.runOnTerminal(args, { env, input: "\n" });
      expect(declined.stdout).toContain("0001_init.down.sql destroys ledger.entries");
      expect(declined.stdout).toContain("cancelled; nothing was changed");
      expect(declined.code).toBe(1);
      expect(await schemasOf(setting.db)).toEqual(["ledger", "postkit"]);
      const agreed = await setting.project.runOnTerminal(args, { env, input: "yes\n" });
      expect(agreed.stdout).toContain("Took back 2 steps.");
      expect(agreed.code).toBe(0);
      expect(await schemasOf(setting.db)).toEqual(["postkit"]);
    });

    it("tells what it waits for when that takes long", async () => {
      await using setting = await ledgerSetting(command);
      await using lock = await holdMigrationLock(setting.db);
      const waited = await setting.project.runOnTerminal(
        ["migrate", "up", "--lock-timeout", "700"],
        {
          env: { DATABASE_URL: setting.db.ownerUrl },
        },
      );
      expect(waited.stdout).toContain("waiting for the migration lock…");
      expect(waited.stdout).toContain(`held by pid ${lock.pid}`);
      expect(waited.code).toBe(5);
    });
  });

describe.concurrent("postkit migrate verify", () => {
  it("finds nothing in a database that is as the migrations left it", async () => {
    await using setting = await ledgerSetting(command);
    expect(await setting.postkit("migrate", "verify")).toMatchObject({
      code: 0,
      stderr: "ok    ledger\n",
    });
    await setting.postkit("migrate", "up");
    const sound = await setting.postkit("migrate", "verify", "--json");
    expect(sound).toMatchObject({
      code: 0,
      json: { modules: [{ module: "ledger", findings: [] }] },
    });
  });

  it("finds a log and a table of applied steps that disagree", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    await setting.db.owner.query(
      "update postkit.ledger_migrations set name = '0002_other' where name = '0002_total'",
    );
    const { code, json } = await setting.postkit("migrate", "verify", "--json");
    expect(code).toBe(4);
    expect(json).toEqual({
      modules: [
        {
          module: "ledger",
          findings: [
            {
              code: "MIG_DRIFT",
              message:
                "postkit.ledger_migrations lacks 0002_total, which postkit.migration_log has as applied",
              file: null,
            },
            {
              code: "MIG_DRIFT",
              message:
                "postkit.ledger_migrations has 0002_other, which postkit.migration_log does not have as applied",
              file: null,
            },
          ],
        },
      ],
    });
  });

  it("finds that the schema is gone", async () => {
    await using setting = await ledgerSetting(command, { isMigrated: true });
    await setting.db.owner.query("drop schema ledger cascade");
    const found = await setting.postkit("migrate", "verify");
    expect(found.code).toBe(4);
    expect(found.stderr).toContain(
      "fail  ledger: the schema ledger is gone although its steps are recorded",
    );
  });
});
