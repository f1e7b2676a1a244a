import { queue, queueErrors } from "@postkit/queue";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { groundwork, refusalCases, shapes, type FunctionName } from "./support/refusals.ts";
import { countRows, openSession, refusalOf, type Session } from "./support/session.ts";

let db: TestDatabase;
let app: Session;
let owner: Session;
let before: Record<string, number>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [queue] });
  app = await openSession(db.app, "acme");
  owner = await openSession(db.owner, "acme");
  await app.query(groundwork);
  before = await countRows(db.super);
});

afterAll(() => db.drop());

describe("through SQL, queue refuses", () => {
  it.each(refusalCases)(
    "$title",
    async ({ name, args, code, sqlstate, message, tenant = "acme", role }) => {
      const session = role === "owner" ? owner : app;
      await session.useTenant(tenant);
      expect(await refusalOf(session.rows(name, args))).toEqual({
        code,
        sqlstate,
        message: expect.stringMatching(message),
        detail: undefined,
      });
    },
  );

  it("all that and writes nothing", async () => {
    expect(await countRows(db.super)).toEqual(before);
  });

  it("with each code of the registry that these functions can raise", () => {
    const raised = new Set<string>(refusalCases.map(({ code }) => code));
    const elsewhere = ["BIZ_RLS_NOT_ACTIVE", "VAL_PAYLOAD_INVALID"];
    expect([...raised, ...elsewhere].sort()).toEqual(Object.keys(queueErrors).sort());
  });
});

describe("the order of validation", () => {
  const orders = (Object.keys(shapes) as FunctionName[]).flatMap((name) =>
    shapes[name].fields
      .filter(([, , isOptional]) => isOptional === undefined)
      .map(([field], index) => ({ name, field, index })),
  );

  it.each(orders)(
    "of $name comes to $field after all before it",
    async ({ name, field, index }) => {
      await app.useTenant("acme");
      const bad = shapes[name].fields.slice(index).map(([later]) => [`p_${later}`, null]);
      const args = { p_namespace: "acme", ...shapes[name].valid, ...Object.fromEntries(bad) };
      expect((await refusalOf(app.rows(name, args))).message).toBe(`${field} is null`);
    },
  );

  it("comes to the tenant after the arguments", async () => {
    await app.useTenant(null);
    const push = (args: object) =>
      refusalOf(app.push("q", { p_namespace: "acme", ...args })).then(({ code }) => code);
    expect([
      await push({ p_priority: 1001 }),
      await push({ p_payload: null }),
      await push({}),
    ]).toEqual(["VAL_PRIORITY_RANGE", "VAL_PAYLOAD_NULL", "BIZ_TENANT_NOT_SET"]);
  });
});
