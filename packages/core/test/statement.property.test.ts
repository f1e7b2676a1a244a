import { json, textArray, type Arguments, type Parameter } from "@postkit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { buildStatement } from "../src/statement.ts";

const context = { namespace: "acme", settings: {} };
const storable = fc
  .string({ unit: "binary" })
  .filter((text) => !text.includes("\0") && text.isWellFormed());
const unstorable = fc
  .tuple(fc.string(), fc.constantFrom("\0", "\ud800", "\udfff"), fc.string())
  .map(([before, bad, after]) => `${before}${bad}|${after}`);
const value: fc.Arbitrary<Parameter> = fc.oneof(
  fc.constantFrom(undefined, null, true, false),
  storable,
  fc.integer(),
  fc.bigInt(),
  fc.array(storable).map(textArray),
  fc.dictionary(storable, storable).map(json),
);
const args = fc
  .dictionary(fc.stringMatching(/^p_[a-z_]{1,12}$/), value, { maxKeys: 12 })
  .map((dictionary): Arguments => {
    const { p_namespace: _, ...rest } = dictionary;
    return rest;
  });
const settings = fc.dictionary(fc.stringMatching(/^[a-z][a-z_]{0,8}$/), storable, { maxKeys: 4 });

describe("the statement builder", () => {
  it("uses every placeholder once, in order, and names no argument that was left out", () => {
    fc.assert(
      fc.property(
        args,
        settings,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom("value", "rows"),
        (given, entered, joins, isScoped, returns) => {
          const { text, values } = buildStatement(
            { name: "probe.echo", args: given, returns },
            isScoped ? { namespace: "acme", settings: entered } : undefined,
            joins,
          );
          const placeholders = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
          expect(placeholders).toEqual(values.map((_, index) => index + 1));

          const named = [...text.matchAll(/(p_[a-z_]+) => /g)].map(([, name]) => name);
          const sent = Object.keys(given).filter(
            (name) => given[name as keyof Arguments] !== undefined,
          );
          expect(named).toEqual(isScoped ? [...sent, "p_namespace"] : sent);
        },
      ),
    );
  });

  it.each([
    ["value", "select probe.sum(p_a => $1, p_b => $2) as r"],
    ["rows", "select r.* from probe.sum(p_a => $1, p_b => $2) r"],
  ] as const)(
    "calls a function for no tenant with its own arguments alone: %s",
    (returns, text) => {
      const call = { name: "probe.sum", args: { p_a: 1, p_b: 2 }, returns };
      for (const joins of [true, false])
        expect(buildStatement(call, undefined, joins)).toMatchObject({ text, values: [1, 2] });
      expect(
        buildStatement({ name: "probe.now", args: {}, returns: "value" }, undefined, false),
      ).toMatchObject({ text: "select probe.now() as r", values: [] });
    },
  );

  it("puts no value into the text", () => {
    fc.assert(
      fc.property(storable, (text) => {
        const built = (p_text: string) =>
          buildStatement(
            { name: "probe.echo", args: { p_text }, returns: "value" },
            { ...context, namespace: text },
            false,
          );
        expect(built(text).text).toBe(built("fixed").text);
        expect(built(text).values).toEqual([text, text]);
      }),
    );
  });

  it("takes a cast from nothing that only looks like one of its own, as JSON from outside may", () => {
    const forged = [
      { text: "a", type: "text || secret()::text" },
      { text: "1", type: "int" },
      JSON.parse(JSON.stringify(json({ a: 1 }))) as object,
      {},
      ["a"],
      () => "a",
      Symbol("a"),
    ];
    for (const value of forged) {
      const args = { p_text: value as unknown as string };
      expect(() =>
        buildStatement({ name: "probe.echo", args, returns: "value" }, context, false),
      ).toThrow(
        expect.objectContaining({
          code: "VAL_ARGUMENT",
          message: expect.stringMatching(/^text must be/),
        }),
      );
    }
  });

  it("refuses what PostgreSQL would not store, wherever it is given, and names the argument", () => {
    const anywhere = (
      text: string,
    ): {
      args: Arguments;
      namespace?: string;
      settings?: Record<string, string>;
      named: string;
    }[] => [
      { args: { p_text: text }, named: "text" },
      { args: { p_list: textArray(["fine", text]) }, named: "list" },
      { args: { p_payload: json({ deep: [text] }) }, named: "payload" },
      { args: { p_payload: json({ [text]: 1 }) }, named: "payload" },
      { args: {}, namespace: text, named: "namespace" },
      { args: {}, settings: { actor_id: text }, named: "settings" },
    ];
    fc.assert(
      fc.property(unstorable, (text) => {
        for (const { args: given, named, ...changed } of anywhere(text)) {
          expect(() =>
            buildStatement(
              { name: "probe.echo", args: given, returns: "value" },
              { ...context, ...changed },
              false,
            ),
          ).toThrow(
            expect.objectContaining({
              module: "core",
              code: "VAL_TEXT_ENCODING",
              sqlstate: "22021",
              message: expect.stringMatching(new RegExp(`^${named} `)),
            }),
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it("takes an escape sequence in JSON that is only spelled like one that PostgreSQL refuses", () => {
    const spelled = json({ text: String.raw`\u0000 \\u0000 \ud800`, quote: '"\\' });
    expect(() =>
      buildStatement(
        { name: "probe.echo", args: { p_payload: spelled }, returns: "value" },
        context,
        false,
      ),
    ).not.toThrow();
  });
});
