import { defineConfig } from "vitest/config";

/** Our packages are tested from their sources. Any further condition here would reach Node's resolver and break pg. */
const conditions = ["@postkit/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // Where vitest loads the global set-up; the two above do not reach it.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "tooling/*/test/**/*.test.ts",
      "examples/**/*.test.ts",
    ],
    server: { deps: { inline: [/^@postkit\//] } },
    globalSetup: ["./tooling/testkit/src/global-setup.ts"],
    reporters: ["default", "./tooling/testkit/src/summary-reporter.ts"],
    // The tests wait for the database more than they compute, so more of them than there are cores.
    maxWorkers: 3,
    // No file leaves anything behind in its process, and to load all packages anew for each takes a fifth of the time.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
