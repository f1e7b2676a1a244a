import { authz, authzErrors } from "@postkit/authz";
import { createTestDatabase, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { groundwork, refusalCases, shapes, type FunctionName } from "./support/refusals.ts";
import { countRows, openSession, refusalOf, type Session } from "./support/session.ts";

let db: TestDatabase;
let app: Session;
let owner: Session;
let before: Record<string, number>;

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
  app = await openSession(db.app, "acme");
  owner = await openSession(db.owner, "acme");
  await app.query(groundwork);
  before = await countRows(db.super);
});

afterAll(() => db.drop());

describe("through SQL, authz refuses", () => {
  it.each(refusalCases)(
    "$title",
    async ({ name, args, code, sqlstate, message, tenant = "acme", viewer = null, role }) => {
      const session = role === "owner" ? owner : app;
      await session.useTenant(tenant);
      await session.useViewer(viewer);
      expect(await refusalOf(session.rows(name, args))).toEqual({
        code,
        sqlstate,
        message: expect.stringMatching(message),
        detail: undefined,
      });
    },
  );

  it("all that in words that give nothing away but the name of the field", async () => {
    await app.useTenant("acme");
    const secret = `Secret${"x".repeat(1024)}`;
    const { message } = await refusalOf(
      app.call("write_tuple", { ...shapes.write_tuple.valid, p_subject_id: secret }),
    );
    expect(message).toBe("subject_id is longer than 1024 characters");
  });

  it("all that and writes nothing", async () => {
    expect(await countRows(db.super)).toEqual(before);
  });

  it("with each code of the registry that these functions can raise", () => {
    const raised = new Set(refusalCases.map(({ code }) => code));
    const elsewhere = ["BIZ_RLS_NOT_ACTIVE", "BIZ_ISOLATION_LEVEL"];
    expect([...raised, ...elsewhere].sort()).toEqual(Object.keys(authzErrors).sort());
  });
});

describe("the order of validation", () => {
  const orders = (Object.keys(shapes) as FunctionName[]).flatMap((name) =>
    shapes[name].fields.map(([field], index) => ({ name, field, index })),
  );

  it.each(orders)(
    "of $name comes to $field after all before it",
    async ({ name, field, index }) => {
      await app.useTenant("acme");
      const bad = shapes[name].fields
        .slice(index)
        .map(([later]) => [`p_${later}`, later === "subject_relation" ? "Not!" : null]);
      const args = { ...shapes[name].valid, ...Object.fromEntries(bad) };
      const { message } = await refusalOf(app.call(name, args));
      expect(message).toMatch(new RegExp(`^${field} `));
    },
  );

  it("comes to the tenant after the fields, and to the rest after the tenant", async () => {
    await app.useTenant(null);
    const edge = {
      p_resource_type: "team",
      p_resource_id: "a",
      p_relation: "member",
      p_subject_type: "team",
    };
    const self = { ...edge, p_subject_id: "a", p_expires_at: "2000-01-01" };
    const blank = await refusalOf(app.call("write_tuple", { ...self, p_resource_id: "" }));
    const unset = await refusalOf(app.call("write_tuple", self));
    await app.useTenant("acme");
    const cyclic = await refusalOf(app.call("write_tuple", self));
    expect([blank, unset, cyclic].map(({ code }) => code)).toEqual([
      "VAL_ID_EMPTY",
      "BIZ_TENANT_NOT_SET",
      "BIZ_SELF_MEMBERSHIP",
    ]);
  });
});

describe("a check", () => {
  it("does not validate names: what cannot be is simply not so", async () => {
    await app.useTenant("acme");
    const odd = [null, "", "Not an identifier", "x".repeat(5000), "\u0001", " "];
    const answers: unknown[] = [];
    for (const parameter of [
      "p_subject_type",
      "p_subject_id",
      "p_permission",
      "p_resource_type",
      "p_resource_id",
    ]) {
      for (const value of odd) {
        answers.push(await app.call("check", { ...shapes.check.valid, [parameter]: value }));
      }
    }
    expect(new Set(answers)).toEqual(new Set([false]));
  });
});
