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
  const answers = [...stdout.matchAll(/^ {2}(.+?) {2,}(yes|no)$/gm)].map(([, what, answer]) => [
    what,
    answer,
  ]);
  expect(answers).toEqual([
    ["alice reads repo:api", "yes"],
    ["bob reads repo:api", "no"],
    ["bob reads doc:roadmap", "yes"],
    ["carol reads doc:roadmap", "no"],
    ["inside: alice owns order:1", "yes"],
    ["after it: alice owns order:1", "no"],
    ["alice reads repo:api there", "no"],
  ]);
  expect(stdout).toContain("select authz.check('user', $1, 'read', 'repo', 'api') yes");
  expect(stdout).toContain("BIZ_SELF_MEMBERSHIP");
  expect(stdout).toContain("by user:root, ticket 42");
  expect(stdout).toContain("rolled back: the payment was refused");
});
