import type { PostkitModule } from "@postkit/core";
import { createQueueClient, type QueueClient } from "./client.ts";
import { queueErrors } from "./errors.ts";
import { migrations, migrationsUrl, packageVersion } from "./migrations.gen.ts";

/** The queue module, to be given to `createPostkit` and `migrate`. */
export const queue: PostkitModule<QueueClient> = Object.freeze({
  name: "queue",
  version: packageVersion,
  migrations,
  migrationsUrl,
  errors: queueErrors,
  client: createQueueClient,
});
