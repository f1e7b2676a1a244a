import { inspect } from "node:util";
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
      ...unhandledErrors.map((error) => `outside of tests: ${reason(error)}`),
    ];
    console.log(["", ...failures.map((failure) => `failed: ${oneLine(failure)}`)].join("\n"));
    console.log(`${passed} passed, ${failures.length} failed`);
  }
}

/** Of its tests, of the hooks around them, and of loading it. */
function failuresOf(module: TestModule): string[] {
  const file = module.relativeModuleId;
  const failures = [
    ...module.errors().map((error) => `${file}: ${reason(error)}`),
    ...[...module.children.allSuites()].flatMap((suite) =>
      suite.errors().map((error) => `${file} > ${suite.fullName}: ${reason(error)}`),
    ),
    ...[...module.children.allTests("failed")].map(
      (test) => `${file} > ${test.fullName}: ${reason(errorOf(test))}`,
    ),
  ];
  return failures.length === 0 && module.state() === "failed" ? [file] : failures;
}

function errorOf(test: TestCase): unknown {
  return test.result().errors?.[0];
}

/** The first line of what an error says. */
function reason(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  const text = typeof message === "string" ? message : inspect(error);
  return text.trim().split("\n", 1)[0] || "an error without a message";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
