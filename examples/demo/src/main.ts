import { parseArgs } from "node:util";
import { authz } from "@postkit/authz";
import { createPostkit, migrate } from "@postkit/core";
import { queue } from "@postkit/queue";
import { openDemoDatabase } from "./database.ts";
import { showJobs } from "./jobs.ts";
import { showPermissions } from "./permissions.ts";
import { say } from "./say.ts";

const { values: flags } = parseArgs({ options: { "database-url": { type: "string" } } });
const startedAt = performance.now();
const modules = { authz, queue };

await using database = await openDemoDatabase(flags["database-url"]);
say(`PostgreSQL ${database.version} is up`);

const { steps } = await migrate(database.ownerUrl, {
  modules,
  grantTo: [{ role: database.appRole, kinds: ["app", "worker"] }],
});
for (const { module, name } of steps) say(`${module} migrated: ${name}`);
if (steps.length === 0) say("authz and queue were up to date");

await using postkit = createPostkit({
  connectionString: database.appUrl,
  namespace: `demo-${process.pid}`,
  prepare: true,
  modules,
});

await showPermissions(postkit);
await showJobs(postkit);

say(`\nDone in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s. Next: npm test`);
