import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { queue, queueErrors } from "@postkit/queue";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../sql/", import.meta.url));

const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".sql"))
  .map((path) => ({ path, text: withoutBodyComments(readFileSync(`${folder}/${path}`, "utf8")) }));

interface Raise {
  readonly path: string;
  readonly code: string;
  readonly sqlstate: string;
}

const hinted =
  /raise exception[^;]*?using errcode = '(\w{5})',\s*hint = 'postkit:queue:([A-Z_]+)'/g;

const written = sources.flatMap(({ path, text }): Raise[] =>
  [...text.matchAll(hinted)].map(([, sqlstate = "", code = ""]) => ({ path, code, sqlstate })),
);

/** What names can violate, and what `_refuse_name` is called with. */
const violations = {
  NULL: "22004",
  EMPTY: "22026",
  TOO_LONG: "22001",
  INVALID_CHARS: "22023",
  WHITESPACE: "22023",
};
const shared = sources.flatMap(({ path, text }) =>
  [...text.matchAll(/_refuse_name\(v_violation, '[a-z]+', '(VAL_[A-Z_]+)'/g)].flatMap(
    ([, prefix = ""]): Raise[] =>
      Object.entries(violations).map(([end, sqlstate]) => ({
        path,
        code: `${prefix}_${end}`,
        sqlstate,
      })),
  ),
);

/** Raised by the client alone, before it asks the database. */
const ofClient: Raise[] = [{ path: "queues.ts", code: "VAL_PAYLOAD_INVALID", sqlstate: "22023" }];

const raises = [...written, ...shared, ...ofClient];

describe("the registry of error codes", () => {
  it("has each code that is raised, with its SQLSTATE, and no other", () => {
    expect(shared).toHaveLength(15);
    expect(Object.fromEntries(raises.map(({ code, sqlstate }) => [code, sqlstate]))).toEqual(
      queueErrors,
    );
  });

  it("knows each code by one SQLSTATE alone", () => {
    const pairs = new Set(raises.map(({ code, sqlstate }) => `${code} ${sqlstate}`));
    expect(pairs.size).toBe(Object.keys(queueErrors).length);
  });

  it("is found whole: every raise has a code, but for what no caller of a function sees", () => {
    const all = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/raise exception/g)].map(() => path),
    );
    const others = [...all];
    for (const { path } of written) others.splice(others.indexOf(path), 1);
    // Another try, which its caller makes; a database in another encoding, at install; and the names, above.
    expect(others.toSorted()).toEqual([
      "leases/_end_leases.sql",
      "schema.sql",
      "validation/_refuse_name.sql",
    ]);
  });

  it("has the SQLSTATEs that names are refused with", () => {
    const refusing = sources.find(({ path }) => path.endsWith("_refuse_name.sql"))?.text ?? "";
    const cases = [...refusing.matchAll(/when '([A-Z_]+)' then '(\w{5})'/g)];
    const stated = Object.fromEntries(cases.map(([, end = "", sqlstate]) => [end, sqlstate]));
    const otherwise = /else '(\w{5})'/.exec(refusing)?.[1];
    for (const [end, sqlstate] of Object.entries(violations)) {
      expect([end, stated[end] ?? otherwise]).toEqual([end, sqlstate]);
    }
  });

  it("is what the header comments of the functions promise", () => {
    const promised = sources.flatMap(({ path, text }) => {
      const header = text.slice(0, text.search(/^create /m)).replaceAll(/\n--\s+/g, " ");
      const raised =
        /Raises (.*?)(?= (?:Writes|Example|Returns|Locks) |$)/s.exec(header)?.[1] ?? "";
      return [...raised.matchAll(/(?<![<A-Z_])([A-Z]{3,}_[A-Z_]+) \((\w{5})\)/g)].map(
        ([, code = "", sqlstate]) => ({ path, code, sqlstate }),
      );
    });
    expect(promised.length).toBeGreaterThan(100);
    const wrong = promised.filter(
      ({ code, sqlstate }) => (queueErrors as Record<string, string>)[code] !== sqlstate,
    );
    expect(wrong).toEqual([]);
  });

  it("is the one that the module hands to core", () => {
    expect(queue.errors).toBe(queueErrors);
  });
});

/** Headers stay: they are what the functions promise. */
function withoutBodyComments(text: string): string {
  const start = Math.max(text.search(/^create /m), 0);
  return text.slice(0, start) + text.slice(start).replaceAll(/^\s*--.*$/gm, "");
}
