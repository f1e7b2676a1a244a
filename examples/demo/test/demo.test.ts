import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, it } from "vitest";

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));

it("runs from nothing to its last line and shows what it promises", async () => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@postkit/source", "--import", "tsx", program],
    { timeout: 60_000 },
  );
  expect(stderr).toBe("");
  const output = stdout
    .replace(/^PostgreSQL \d+\.\d+ /, "PostgreSQL <version> ")
    .replaceAll(/^(authz|queue) migrated: .+$/gm, "$1 migrated: <step>")
    .replace(/ next at 2\d{3}-\d\d-\d\dT0[56]:00:00\.000Z$/m, " next at <time>")
    .replaceAll(/ \d+ a second$/gm, " <rate> a second")
    .replace(/Done in \d+\.\d s/, "Done in <seconds> s");
  expect(output).toBe(`PostgreSQL <version> is up
authz migrated: <step>
queue migrated: <step>

Groups, folders and what implies what
  bob is in team:eng, which may edit folder:plans, and doc:roadmap is in there
  bob reads doc:roadmap          yes
  carol reads doc:roadmap        no

Why
  RESOURCE: user:bob is member of team:eng which has edit (edit -> read) on folder:plans which contains doc:roadmap -> folder:plans
  NO ACCESS: user:carol does not have read on doc:roadmap

A grant that ends by itself
  carol reads it for a second    yes
  carol reads it after that      no

The rows of the application's own table that bob may read
  the newest 3 of 1000 plans: plan 777, plan 500, plan 77

In the transaction of the application
  inside: alice owns order:1     yes
  rolled back: the payment was refused
  after it: alice owns order:1   no

The same in plain SQL, from any language
  select authz.check('user', $1, 'read', 'doc', 'roadmap') yes

Another tenant sees nothing
  bob reads doc:roadmap there    no

Mistakes have codes
  BIZ_SELF_MEMBERSHIP: a group cannot be a member of itself

Who did what, and why
  bob reads doc:roadmap now      no
  tuple_deleted  team:eng member user:bob  by user:root, ticket 42
  tuple_created  doc:500 parent folder:plans

A job, pushed in the transaction of the application, and in plain SQL
  postkit.queue.push(mails, { to: "alice" }, { uniqueKey: "order:1" })
  the same once more: its key is taken
  select queue.push($1, 'mail', '{"to": "bob"}')
  rolled back, and with it the mail to carol

A worker, a failure that is tried again, and a dead letter
  mail to alice  done at attempt 1
  mail to bob    done at attempt 1
  Error: 451 try again
  mail to dave   done at attempt 2
  UnrecoverableError: 550 no such user
  dead letter, failed: {"to":"erin"}
  dead letters retried: 1
  mail to erin   done at attempt 1
  jobs that wait: 0, that run: 0

Schedules
  0 7 * * mon-fri in Berlin runs next at <time>
  every second: a job of schedule "tick" has run

20000 jobs that do nothing
  pushed by the thousand:      <rate> a second
  worked, in one process:      <rate> a second

Done in <seconds> s. Next: npm test
`);
});
