/**
 * Calls a hook of the application. It watches: what it throws, at once or later, must not make what it watches look
 * failed, so it surfaces on its own, as a process warning.
 */
export function callHook<E>(
  hook: (event: E) => unknown,
  event: E,
  { what, code }: { what: string; code: string },
): void {
  const warn = (error: unknown) =>
    process.emitWarning(`${what} threw: ${String(error)}`, { type: "PostkitWarning", code });
  try {
    const answer = hook(event);
    if (answer instanceof Promise) answer.catch(warn);
  } catch (error) {
    warn(error);
  }
}
