import type { PostkitModule } from "@postkit/core";
import { createAuthzClient, type AuthzClient } from "./client.ts";
import { authzErrors } from "./errors.ts";
import { migrations, migrationsUrl, packageVersion } from "./migrations.gen.ts";

/** The authz module, to be given to `createPostkit` and `migrate`. */
export const authz: PostkitModule<AuthzClient> = Object.freeze({
  name: "authz",
  version: packageVersion,
  migrations,
  migrationsUrl,
  errors: authzErrors,
  client: createAuthzClient,
});
