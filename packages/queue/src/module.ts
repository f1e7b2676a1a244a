import type { PostkitModule } from "@postkit/core";
import { createQueueClient, type QueueClient, type TransactionQueueClient } from "./client.ts";
import { queueErrors } from "./errors.ts";
import { migrations, migrationsUrl, packageVersion } from "./migrations.gen.ts";

/** The queue module, to be given to `createPostkit` and `migrate`. */
export const queue: PostkitModule<QueueClient, TransactionQueueClient> = Object.freeze({
  name: "queue",
  version: packageVersion,
  migrations,
  migrationsUrl,
  errors: queueErrors,
  client: createQueueClient,
  // Programs in JavaScript are told why `work` and `waitFor` are not for a transaction.
  transactionClient: createQueueClient,
});
