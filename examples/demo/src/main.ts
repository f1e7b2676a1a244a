import { parseArgs } from "node:util";
import { authz } from "@postkit/authz";
import { createPostkit, isPostkitError, migrate } from "@postkit/core";
import { openDemoDatabase } from "./database.ts";

const { values: flags } = parseArgs({ options: { "database-url": { type: "string" } } });
const startedAt = performance.now();

await using database = await openDemoDatabase(flags["database-url"]);
say(`PostgreSQL ${database.version} is up`);

const { steps } = await migrate(database.ownerUrl, {
  modules: [authz],
  grantTo: [database.appRole],
});
say(
  steps.length === 0
    ? "authz was up to date"
    : `authz migrated: ${steps.map(({ name }) => name).join(", ")}`,
);

const namespace = `demo-${process.pid}`;
await using postkit = createPostkit({
  connectionString: database.appUrl,
  namespace,
  modules: { authz },
});

title("Grants and checks");
await postkit.authz.grant("read", { resource: "repo:api", subject: "user:alice" });
await show("alice reads repo:api", postkit.authz.check("user:alice", "read", "repo:api"));
await show("bob reads repo:api", postkit.authz.check("user:bob", "read", "repo:api"));

title("The same in plain SQL, from any language");
const sql = "select authz.check('user', $1, 'read', 'repo', 'api')";
await postkit.transaction(async (tx) => {
  await tx.query("select authz.set_tenant($1)", [namespace]);
  const { rows } = await tx.query<{ check: boolean }>(sql, ["alice"]);
  await show(sql, Promise.resolve(rows[0]?.check === true));
});

title("Groups, folders and what implies what");
await postkit.authz.addHierarchy("doc", "edit", "read");
await postkit.authz.grant("member", { resource: "team:eng", subject: "user:bob" });
await postkit.authz.grant("edit", { resource: "folder:plans", subject: "team:eng#member" });
await postkit.authz.grant("parent", { resource: "doc:roadmap", subject: "folder:plans" });
await show("bob reads doc:roadmap", postkit.authz.check("user:bob", "read", "doc:roadmap"));
await show("carol reads doc:roadmap", postkit.authz.check("user:carol", "read", "doc:roadmap"));

title("In the transaction of the application");
const order = { resource: "order:1", subject: "user:alice" };
await postkit
  .transaction(async (tx) => {
    await tx.query("create temp table orders (id int primary key) on commit drop");
    await tx.query("insert into orders (id) values (1)");
    await tx.authz.grant("owner", order);
    await show("inside: alice owns order:1", tx.authz.check("user:alice", "owner", "order:1"));
    throw new Error("the payment was refused");
  })
  .catch((error: unknown) => say(`  rolled back: ${error instanceof Error ? error.message : ""}`));
await show("after it: alice owns order:1", postkit.authz.check("user:alice", "owner", "order:1"));

title("Another tenant sees nothing");
const other = postkit.withNamespace(`${namespace}-other`);
await show("alice reads repo:api there", other.authz.check("user:alice", "read", "repo:api"));

title("Mistakes have codes");
await postkit.authz
  .grant("member", { resource: "team:eng", subject: "team:eng" })
  .catch((error: unknown) => {
    if (isPostkitError(error, "authz.BIZ_SELF_MEMBERSHIP"))
      say(`  ${error.code}: ${error.message}`);
    else throw error;
  });

title("Who did what, and why");
const admin = postkit.withActor({ actorId: "user:root", reason: "ticket 42" });
await admin.authz.revoke("read", { resource: "repo:api", subject: "user:alice" });
for (const event of await postkit.authz.getAuditEvents({ limit: 3 })) {
  const { eventType, resource, relation, subject, actorId, reason } = event;
  const who = actorId === null ? "" : `  by ${actorId}, ${reason}`;
  const to = `${subject.type}:${subject.id}${subject.relation === undefined ? "" : `#${subject.relation}`}`;
  say(`  ${eventType}  ${resource.type}:${resource.id} ${relation} ${to}${who}`);
}

say(`\nDone in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s. Next: npm test`);

function title(text: string): void {
  say(`\n${text}`);
}

async function show(question: string, answer: Promise<boolean>): Promise<void> {
  say(`  ${question.padEnd(30)} ${(await answer) ? "yes" : "no"}`);
}

function say(text: string): void {
  console.log(text);
}
