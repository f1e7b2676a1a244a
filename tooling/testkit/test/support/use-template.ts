// A program that makes a test database from a template and prints what it did. Its argument is a server of a run.
import { createTestDatabase, type ServerOfRun, withClient } from "@postkit/testkit";

async function main(): Promise<void> {
  const server: ServerOfRun = JSON.parse(process.argv[2] ?? "");
  let prepared = false;
  await using db = await createTestDatabase({
    server,
    template: {
      name: "of several processes",
      prepare: async ({ ownerUrl }) => {
        prepared = true;
        await withClient(ownerUrl, (owner) => owner.query("create schema s; create table s.t ()"));
      },
    },
  });
  await db.owner.query("select from s.t");
  console.log(JSON.stringify({ prepared }));
}

void main();
