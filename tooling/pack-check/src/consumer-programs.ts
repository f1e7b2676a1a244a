/** What the check does with each module besides migrating, as the body of an async function. */
const uses: Readonly<Record<string, string>> = {
  authz: `
  await postkit.authz.grant("read", { resource: "doc:1", subject: "user:a" });
  if (!(await postkit.authz.check("user:a", "read", "doc:1"))) throw new Error("not granted");
  if (await postkit.authz.check("user:b", "read", "doc:1")) throw new Error("granted to another");`,
  queue: `
  const { pendingJobs, runJobs } = await import("@postkit/queue/testing");
  await postkit.queue.push("email", { to: "a" });
  const job = await postkit.queue.pull("email");
  if (job === null) throw new Error("nothing was pushed");
  await postkit.queue.ack(job);
  await postkit.queue.pushBatch("email", [{ to: "b" }, { to: "c" }]);
  const { done } = await runJobs(postkit.queue, "email", () => {}, { max: 1 });
  if (done.length !== 1) throw new Error("nothing was run");
  let worked = () => {};
  const isWorked = new Promise((resolve) => (worked = () => resolve(undefined)));
  const worker = postkit.queue.work("email", async ({ attempts }) => {
    if (attempts === 1) worked();
  });
  await isWorked;
  await worker.drain();
  if ((await pendingJobs(postkit.queue, "email")).length > 0) throw new Error("a job is left");`,
};

export function esmProgram(module: string): string {
  return `import { createPostkit, isPostkitError } from "@postkit/core";
import { ${module} } from "@postkit/${module}";
${body(module)}`;
}

export function commonJsProgram(module: string): string {
  return `const { createPostkit, isPostkitError } = require("@postkit/core");
const { ${module} } = require("@postkit/${module}");
${body(module)}`;
}

/** Type checked as ESM and as CommonJS; never run. */
export const typedProgram: (module: string) => string = (module) =>
  esmProgram(module).replace("process.env.DATABASE_URL", 'process.env["DATABASE_URL"] ?? ""');

export const embeddedProgram = `import { start } from "@postkit/embedded";
const server = await start();
if (!server.url.startsWith("postgres")) throw new Error(server.url);
await server.stop();
`;

function body(module: string): string {
  return `
async function main() {
  const postkit = createPostkit({ connectionString: process.env.DATABASE_URL, modules: { ${module} } });
  const up = await postkit.migrate();
  if (up.steps.length === 0) throw new Error("nothing was applied");${uses[module] ?? ""}
  await postkit.migrate({ direction: "down", count: Infinity, allowDataLoss: true });
  const { rows } = await postkit.pool.query("select to_regnamespace('${module}') is null as gone");
  if (rows[0].gone !== true) throw new Error("the schema is still there");
  await postkit.close();
}

main().catch((error) => {
  console.error(isPostkitError(error) ? error.code : "", error);
  process.exitCode = 1;
});
`;
}
