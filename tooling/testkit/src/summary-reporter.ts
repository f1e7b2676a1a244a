import type { Reporter, TestCase, TestModule } from "vitest/node";

/**
 * Ends the output with a line "failed: …" for each failure, and with "N passed, N failed", alone on a line. Vitest
 * makes one from the default export.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const passed = modules.flatMap((module) => [...module.children.allTests("passed")]).length;
    const failures = [
      ...modules.flatMap(failuresOf),
      ...unhandledErrors.map((error) => `outside of tests: ${firstLine(error)}`),
    ];
    console.log(["", ...failures.map((failure) => `failed: ${failure}`)].join("\n"));
    console.log(`${passed} passed, ${failures.length} failed`);
  }
}

function failuresOf(module: TestModule): string[] {
  const file = module.relativeModuleId;
  const tests = [...module.children.allTests("failed")];
  if (tests.length > 0) {
    return tests.map((test) => `${file} > ${test.fullName}: ${firstLine(errorOf(test))}`);
  }
  // A file that could not be loaded, or whose hook failed, has failed without a failed test.
  return module.state() === "failed" ? [`${file}: ${firstLine(module.errors()[0])}`] : [];
}

function errorOf(test: TestCase): unknown {
  return test.result().errors?.[0];
}

function firstLine(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return String(message ?? error).split("\n", 1)[0] ?? "";
}
