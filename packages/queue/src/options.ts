import type { CallOptions } from "@postkit/core";
import { argumentError } from "./errors.ts";

/** Every key of a type, of all its variants where it has some. */
type KeyOf<T> = T extends T ? keyof T : never;

/** A list of keys that the compiler holds to the type: none missing, and in a literal none too many. */
type Keys<K extends PropertyKey> = Readonly<Record<K, true>>;

/**
 * What refuses an object with other keys than these: a misspelt option would be silently without effect.
 *
 * @param what the object, for the message
 */
export function knownKeys<T extends object>(
  what: string,
  keys: Keys<KeyOf<T>>,
): <Given extends T>(given: Given) => Given {
  const names = Object.keys(keys).join(", ");
  return (given) => {
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      throw argumentError(`${what} must be an object, with keys of: ${names}`);
    }
    const unknown = Object.keys(given).find((key) => !Object.hasOwn(keys, key));
    if (unknown !== undefined) {
      throw argumentError(`unknown key ${JSON.stringify(unknown)} in ${what}: it takes ${names}`);
    }
    return given;
  };
}

/** The same for the options of a method, which may be left out; those of every call are among them. */
export function optionsOf<T extends CallOptions>(
  method: string,
  keys: Keys<Exclude<keyof T, keyof CallOptions>>,
): (options: T | undefined) => T {
  const all = { ...keys, signal: true, timeoutMs: true } as unknown as Keys<KeyOf<T>>;
  const check = knownKeys<T>(`the options object of ${method}`, all);
  return (options = {} as T) => check(options);
}

/** For methods that have no options of their own. */
export const callOptions = optionsOf<CallOptions>("a call", {});
