import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, it } from "vitest";

const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));

it("runs from nothing to its last line and shows what it promises, on one screen", async () => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@postkit/source", "--import", "tsx", program],
    { timeout: 60_000 },
  );
  expect(stderr).toBe("");
  const output = stdout
    .replace(/^PostgreSQL \d+\.\d+ /, "PostgreSQL <version> ")
    .replace(/^authz migrated: .+$/m, "authz migrated: <steps>")
    .replace(/Done in \d+\.\d s/, "Done in <seconds> s");
  expect(output).toBe(`PostgreSQL <version> is up
authz migrated: <steps>

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

Done in <seconds> s. Next: npm test
`);
});
