import type { Reporter, TestModule } from "vitest/node";

/** Ends the output with "N passed, N failed", alone on a line. Vitest makes one from the default export. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const passed = modules.flatMap((module) => [...module.children.allTests("passed")]).length;
    const failedTests = modules.flatMap((module) => [...module.children.allTests("failed")]).length;
    // A file that could not be loaded, or whose hook failed, has failed without a failed test.
    const failedFiles = modules.filter(
      (module) => module.state() === "failed" && !hasFailedTest(module),
    ).length;
    console.log(`\n${passed} passed, ${failedTests + failedFiles + unhandledErrors.length} failed`);
  }
}

function hasFailedTest(module: TestModule): boolean {
  return !module.children.allTests("failed").next().done;
}
