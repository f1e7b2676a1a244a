import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { DoctorOptions } from "./commands/doctor.ts";
import type { DevOptions } from "./commands/dev.ts";
import type { DownOptions } from "./commands/down.ts";
import type { GrantOptions } from "./commands/grant.ts";
import type { PlanOptions } from "./commands/plan.ts";
import type { SqlOptions } from "./commands/sql.ts";
import type { StatusOptions } from "./commands/status.ts";
import type { UpOptions } from "./commands/up.ts";
import type { VerifyOptions } from "./commands/verify.ts";
import type { ExitCode } from "./exit-codes.ts";
import { parseCount, parseDurationMs, parseMajorVersion } from "./option-values.ts";
import { redact } from "./redact.ts";

/** Gets the promise of a command that has started. */
type Finish = (command: Promise<ExitCode>) => Promise<void>;

/** The commands with their options. What they do is loaded when one of them runs, so that help is quick. */
export function createProgram(finish: Finish): Command {
  const program = new Command("postkit")
    .description(
      "Migrations, grants, install scripts, diagnosis and a development database for Postkit.",
    )
    .version(readVersion())
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: (text) => void process.stderr.write(redact(text)) })
    .showHelpAfterError("Add --help to see what there is.")
    .addHelpText("after", programHelp);
  addMigrate(program, finish);
  addSql(program, finish);
  addGrant(program, finish);
  addDoctor(program, finish);
  addDev(program, finish);
  return program;
}

function readVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function addMigrate(program: Command, finish: Finish): void {
  const migrate = program
    .command("migrate")
    .description("tell how the database stands, and bring it up or down")
    .addHelpText("after", migrateHelp);
  addStatus(migrate, finish);
  addPlan(migrate, finish);
  addUp(migrate, finish);
  addDown(migrate, finish);
  addVerify(migrate, finish);
}

function addStatus(migrate: Command, finish: Finish): void {
  const command = migrate
    .command("status")
    .description("tell which steps are applied and pending; reads only");
  withModules(command)
    .option("--check", "exit with 3 when steps are pending")
    .addOption(allowAhead());
  withDatabase(command).action((options: StatusOptions) =>
    finish(import("./commands/status.ts").then(({ status }) => status(options))),
  );
}

function addPlan(migrate: Command, finish: Finish): void {
  const command = migrate
    .command("plan")
    .description("list what `up` would apply, in order; reads only");
  withSteps(command, "the last step to apply, by name or number; with one --module")
    .option("--check", "exit with 3 when steps are pending")
    .addOption(allowAhead());
  withDatabase(command).action((options: PlanOptions) =>
    finish(import("./commands/plan.ts").then(({ plan }) => plan(options))),
  );
}

function addUp(migrate: Command, finish: Finish): void {
  const command = migrate
    .command("up")
    .description("apply what is pending, all in one transaction");
  withSteps(command, "the last step to apply, by name or number; with one --module")
    .option("--grant-to <role...>", "existing application roles to give access to")
    .option("--dry-run", "list the steps and write nothing")
    .addOption(lockTimeout())
    .addOption(allowAhead());
  withDatabase(command).action((options: UpOptions) =>
    finish(import("./commands/up.ts").then(({ up }) => up(options))),
  );
}

function addDown(migrate: Command, finish: Finish): void {
  const command = migrate.command("down").description("take back the newest step of one module");
  withSteps(command, "the last step to keep, by name or number; 0 keeps none; with one --module")
    .option("--yes", "do it even when it destroys data")
    .option("--dry-run", "list the steps and write nothing")
    .addOption(lockTimeout())
    .addOption(allowAhead())
    .addHelpText("after", downHelp);
  withDatabase(command).action((options: DownOptions) =>
    finish(import("./commands/down.ts").then(({ down }) => down(options))),
  );
}

function addVerify(migrate: Command, finish: Finish): void {
  const command = migrate
    .command("verify")
    .description(
      "compare the files, the log, node-pg-migrate's tables and the schemas; reads only",
    );
  withModules(command).addOption(allowAhead());
  withDatabase(command).action((options: VerifyOptions) =>
    finish(import("./commands/verify.ts").then(({ verify }) => verify(options))),
  );
}

function addSql(program: Command, finish: Finish): void {
  program
    .command("sql")
    .description("write an install script for psql, with the bookkeeping of the migrations")
    .argument("[module...]", "the modules to install; all that the project has by default")
    .option("--output <file>", "write to this file instead of stdout")
    .addOption(verbose())
    .addHelpText("after", sqlHelp)
    .action((modules: string[], options: SqlOptions) =>
      finish(import("./commands/sql.ts").then(({ sql }) => sql(modules, options))),
    );
}

function addGrant(program: Command, finish: Finish): void {
  const command = program
    .command("grant")
    .description("let a role use the installed modules, now and after every later migration")
    .argument("<role>", "an existing role, as your application connects")
    .option("--worker", "and the functions of background workers")
    .option("--maintenance", "and the functions of maintenance over all tenants")
    .option("--revoke", "take back all that the role was given")
    .addOption(lockTimeout())
    .addHelpText("after", grantHelp);
  withDatabase(command).action((role: string, options: GrantOptions) =>
    finish(import("./commands/grant.ts").then(({ grant }) => grant(role, options))),
  );
}

function addDoctor(program: Command, finish: Finish): void {
  const command = program
    .command("doctor")
    .description("check server, connection, schemas and grants, and say what to do")
    .addHelpText("after", doctorHelp);
  withDatabase(command).action((options: DoctorOptions) =>
    finish(import("./commands/doctor.ts").then(({ doctor }) => doctor(options))),
  );
}

function addDev(program: Command, finish: Finish): void {
  const dev = program
    .command("dev")
    .description("run a PostgreSQL of your own for development, without installing one")
    .addHelpText("after", devHelp);
  const start = dev
    .command("start")
    .description("start it unless it runs, print its URL, and leave it running");
  withServer(start).action((options: DevOptions) =>
    finish(import("./commands/dev.ts").then(({ devStart }) => devStart(options))),
  );
  const stop = dev.command("stop").description("stop it; its data stays");
  withServer(stop).action((options: DevOptions) =>
    finish(import("./commands/dev.ts").then(({ devStop }) => devStop(options))),
  );
  const url = dev.command("url").description("print the URL of the one that runs");
  withServer(url).action((options: DevOptions) =>
    finish(import("./commands/dev.ts").then(({ devUrl }) => devUrl(options))),
  );
}

function withModules(command: Command): Command {
  return command.option(
    "--module <name...>",
    "only these modules; all that the project has by default",
  );
}

function withSteps(command: Command, to: string): Command {
  return withModules(command)
    .option("--to <step>", to)
    .option("--count <n>", "at most so many steps of each module, or all", parseCount);
}

function withDatabase(command: Command): Command {
  return command
    .addOption(new Option("--database-url <url>", "the database").env("DATABASE_URL"))
    .option("--json", "write the result to stdout as JSON")
    .addOption(verbose());
}

function withServer(command: Command): Command {
  return command
    .option("--version <major>", "major version of PostgreSQL: 14 to 18", parseMajorVersion)
    .option("--data-dir <folder>", "where its data is kept (default: .postkit/pg<version>)")
    .option("--json", "write the result to stdout as JSON")
    .addOption(verbose());
}

function lockTimeout(): Option {
  return new Option(
    "--lock-timeout <duration>",
    "longest wait while another process migrates: 500ms, 30s (default: 60s)",
  ).argParser(parseDurationMs);
}

function allowAhead(): Option {
  return new Option("--allow-ahead", "accept a database that is newer than this code");
}

function verbose(): Option {
  return new Option("--verbose", "print stack traces of errors");
}

const programHelp = `
Examples:
  $ postkit dev start                               a PostgreSQL for development; prints its URL
  $ export DATABASE_URL=$(postkit dev url)
  $ postkit migrate up
  $ postkit grant my_app                            a role that exists: create role my_app login
  $ postkit doctor

Exit codes:
  0 done              3 steps pending, with --check    6 database unreachable
  1 failure           4 drift from the migrations      7 database newer than the code
  2 wrong arguments   5 migration lock not obtained`;

const migrateHelp = `
Examples:
  $ postkit migrate status --check                  in a deployment: stop when steps are pending
  $ postkit migrate plan
  $ postkit migrate up --grant-to my_app --lock-timeout 30s
  $ postkit migrate up --module authz --to 0003
  $ postkit migrate down --module authz
  $ postkit migrate verify --json`;

const downHelp = `
Goes one step of one module, which must be named. With --count and no module, goes so many steps of
each module. A step that destroys data says so and asks first; without a terminal it needs --yes.

Examples:
  $ postkit migrate down --module authz --dry-run
  $ postkit migrate down --module authz --to 0002
  $ postkit migrate down --count all --yes          removes every module with its data`;

const sqlHelp = `
Examples:
  $ postkit sql > postkit.sql && psql -f postkit.sql
  $ postkit sql authz queue --output install.sql`;

const grantHelp = `
Examples:
  $ postkit grant my_app
  $ postkit grant my_worker --worker
  $ postkit grant my_app --revoke`;

const doctorHelp = `
Run it as the role that owns the schemas to also learn what the recorded roles lack, and as your
application's role to learn what that may do. Exits with 1 when something fails.

Examples:
  $ postkit doctor
  $ postkit doctor --database-url postgres://my_app:secret@localhost/app --json`;

const devHelp = `
Needs the package @postkit/embedded. The server listens on 127.0.0.1 only and has a random password.

Examples:
  $ postkit dev start
  $ postkit dev start --version 17 --data-dir /tmp/pg17
  $ export DATABASE_URL=$(postkit dev url)
  $ postkit dev stop`;
