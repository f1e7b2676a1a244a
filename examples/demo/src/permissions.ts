import type { authz } from "@postkit/authz";
import { isPostkitError, type Postkit } from "@postkit/core";
import { say, show, title } from "./say.ts";
import { until } from "./until.ts";

/** What authz does. */
export async function showPermissions(postkit: Postkit<{ authz: typeof authz }>): Promise<void> {
  title("Groups, folders and what implies what");
  await postkit.authz.addHierarchy("doc", "edit", "read");
  await postkit.authz.grant("member", { resource: "team:eng", subject: "user:bob" });
  await postkit.authz.grant("edit", { resource: "folder:plans", subject: "team:eng#member" });
  await postkit.authz.grant("parent", { resource: "doc:roadmap", subject: "folder:plans" });
  say("  bob is in team:eng, which may edit folder:plans, and doc:roadmap is in there");
  await show("bob reads doc:roadmap", postkit.authz.check("user:bob", "read", "doc:roadmap"));
  await show("carol reads doc:roadmap", postkit.authz.check("user:carol", "read", "doc:roadmap"));

  title("Why");
  for (const user of ["user:bob", "user:carol"]) {
    for (const line of await postkit.authz.explain(user, "read", "doc:roadmap")) say(`  ${line}`);
  }

  title("A grant that ends by itself");
  const readsRoadmap = ["user:carol", "read", "doc:roadmap"] as const;
  await postkit.transaction(async (tx) => {
    const { rows } = await tx.query<{ at: Date }>("select now() + interval '1 second' as at");
    const target = { resource: "doc:roadmap", subject: "user:carol" };
    await tx.authz.grant("read", { ...target, expiresAt: rows[0]?.at });
    await show("carol reads it for a second", tx.authz.check(...readsRoadmap));
  });
  await until(async () => !(await postkit.authz.check(...readsRoadmap)));
  await show("carol reads it after that", postkit.authz.check(...readsRoadmap));

  title("The rows of the application's own table that bob may read");
  await postkit.transaction(async (tx) => {
    await tx.query("create temp table docs (id int primary key, title text) on commit drop");
    await tx.query("insert into docs select n, 'plan ' || n from generate_series(1, 1000) n");
    await tx.authz.grantOnResources("read", {
      resourceType: "doc",
      resourceIds: ["7", "77", "777"],
      subject: "team:eng#member",
    });
    await tx.authz.grant("parent", { resource: "doc:500", subject: "folder:plans" });
    const { text, values } = tx.authz
      .sqlFilter({
        subject: "user:bob",
        permission: "read",
        type: "doc",
        column: "d.id",
        columnType: "integer",
        mode: "set",
      })
      .toPg();
    const page = `select d.title from docs d where ${text} order by d.id desc limit 3`;
    const { rows } = await tx.query<{ title: string }>(page, values);
    say(`  the newest 3 of 1000 plans: ${rows.map((row) => row.title).join(", ")}`);
  });

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
    .catch((error: unknown) =>
      say(`  rolled back: ${error instanceof Error ? error.message : ""}`),
    );
  await show("after it: alice owns order:1", postkit.authz.check("user:alice", "owner", "order:1"));

  title("The same in plain SQL, from any language");
  const sql = "select authz.check('user', $1, 'read', 'doc', 'roadmap')";
  await postkit.transaction(async (tx) => {
    await tx.query("select authz.set_tenant($1)", [postkit.namespace]);
    const { rows } = await tx.query<{ check: boolean }>(sql, ["bob"]);
    await show(sql, Promise.resolve(rows[0]?.check === true));
  });

  title("Another tenant sees nothing");
  const other = postkit.withNamespace(`${postkit.namespace}-other`);
  await show("bob reads doc:roadmap there", other.authz.check("user:bob", "read", "doc:roadmap"));

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
  await admin.authz.revoke("member", { resource: "team:eng", subject: "user:bob" });
  await show("bob reads doc:roadmap now", postkit.authz.check("user:bob", "read", "doc:roadmap"));
  for (const event of await postkit.authz.getAuditEvents({ limit: 2 })) {
    const { eventType, resource, relation, subject, actorId, reason } = event;
    const who = actorId === null ? "" : `  by ${actorId}, ${reason}`;
    const to = `${subject.type}:${subject.id}${subject.relation === undefined ? "" : `#${subject.relation}`}`;
    say(`  ${eventType}  ${resource.type}:${resource.id} ${relation} ${to}${who}`);
  }
}
