import { isPostkitError, moduleError, PostkitError } from "@postkit/core";
import { describe, expect, it, vi } from "vitest";

import { coreError, coreErrors, fromDriverError, sqlstateOf } from "../src/errors.ts";

const driverError = (fields: object) => Object.assign(new Error("the driver's words"), fields);
const refusal = {
  severity: "ERROR",
  code: "PK001",
  hint: "postkit:authz:BIZ_CYCLE_GROUP",
  detail: '{"path": ["a", "b"]}',
};
const refused = driverError(refusal);

describe("isPostkitError", () => {
  const error = new PostkitError({
    module: "authz",
    code: "BIZ_CYCLE_GROUP",
    sqlstate: "PK001",
    message: "a cycle",
  });

  it("tells the error, its module and its code", () => {
    expect(isPostkitError(error)).toBe(true);
    expect(isPostkitError(error, "authz")).toBe(true);
    expect(isPostkitError(error, "authz.BIZ_CYCLE_GROUP")).toBe(true);
    expect(isPostkitError(error, "authz.BIZ_CYCLE")).toBe(false);
    expect(isPostkitError(error, "core")).toBe(false);
    expect(isPostkitError(error, "BIZ_CYCLE_GROUP")).toBe(false);
  });

  it.each([
    null,
    undefined,
    "postkit",
    7,
    {},
    new Error("no"),
    { module: "authz", code: "BIZ_CYCLE_GROUP" },
  ])("is false for %s", (value) => {
    expect(isPostkitError(value)).toBe(false);
  });

  it("knows the errors of another copy of the package, which instanceof does not", async () => {
    vi.resetModules();
    const other = await import("../src/errors.ts");
    const foreign = other.coreError("SYS_TIMEOUT", "late");

    expect(foreign).not.toBeInstanceOf(PostkitError);
    expect(isPostkitError(foreign, "core.SYS_TIMEOUT")).toBe(true);
    expect(other.isPostkitError(error, "authz.BIZ_CYCLE_GROUP")).toBe(true);
    expect(fromDriverError(foreign)).toBe(foreign);
  });
});

describe("an error of the database", () => {
  it("with a Postkit hint becomes a PostkitError with the driver's message, its detail decoded, and itself as cause", () => {
    const error = fromDriverError(refused);
    expect(error).toBeInstanceOf(PostkitError);
    expect(error).toMatchObject({
      name: "PostkitError",
      module: "authz",
      code: "BIZ_CYCLE_GROUP",
      sqlstate: "PK001",
      message: "the driver's words",
      detail: { path: ["a", "b"] },
    });
    expect((error as Error).cause).toBe(refused);
  });

  it("is found however a library wrapped it, and the wrapper is the cause", () => {
    const wrapped = new Error("Failed query: select …", {
      cause: new Error("again", { cause: refused }),
    });
    const error = fromDriverError(wrapped);
    expect(error).toMatchObject({
      module: "authz",
      code: "BIZ_CYCLE_GROUP",
      message: "the driver's words",
    });
    expect((error as Error).cause).toBe(wrapped);
    expect(sqlstateOf(wrapped)).toBe("PK001");
    expect(sqlstateOf(error)).toBe("PK001");
  });

  it("is found where Prisma keeps it, whose own code is another", () => {
    const cause = {
      ...refusal,
      message: "the driver's words",
      kind: "postgres",
      originalCode: "PK001",
    };
    const prisma = driverError({
      code: "P2010",
      meta: { driverAdapterError: Object.assign(new Error("DriverAdapterError"), { cause }) },
    });
    const error = fromDriverError(prisma);
    expect(error).toMatchObject({
      module: "authz",
      code: "BIZ_CYCLE_GROUP",
      sqlstate: "PK001",
      message: "the driver's words",
      detail: { path: ["a", "b"] },
    });
    expect((error as Error).cause).toBe(prisma);
    expect(sqlstateOf(prisma)).toBe("PK001");
  });

  it("keeps a detail that is no JSON as it is", () => {
    for (const detail of ["Key (id)=(1) already exists.", "{not json", "[1,", "", undefined]) {
      expect(
        fromDriverError(driverError({ code: "PK001", hint: "postkit:authz:X", detail })),
      ).toMatchObject({ detail });
    }
  });

  it.each([
    driverError({ severity: "ERROR", code: "23505" }),
    driverError({ severity: "ERROR", code: "23505", hint: "Try postkit:authz:BIZ_CYCLE_GROUP" }),
    driverError({ severity: "ERROR", code: "42883", hint: "postkit:authz" }),
    driverError({ severity: "ERROR", code: "08000", hint: undefined }),
    driverError({ severity: "ERROR", code: "57014" }),
    new TypeError("undefined is not a function"),
    "a string",
    undefined,
    { code: "08006" },
  ])("that Postkit does not know passes through as it is: %s", (error) => {
    expect(fromDriverError(error)).toBe(error);
  });

  it.each([
    driverError({ severity: "FATAL", code: "57P01" }),
    driverError({ code: "ECONNRESET" }),
    driverError({ code: "EPIPE" }),
    new Error("Connection terminated unexpectedly"),
    new Error("Client has encountered a connection error and is not queryable"),
    new Error("Query read timeout"),
  ])("that means a lost connection is told as that: %s", (error) => {
    const lost = fromDriverError(error);
    expect(lost).toMatchObject({ module: "core", code: "SYS_CONNECTION_LOST", sqlstate: "08006" });
    expect((lost as Error).cause).toBe(error);
    expect((lost as Error).message).toContain(error.message);
  });

  it("survives causes that go round in a circle", () => {
    const error = new Error("round");
    error.cause = error;
    expect(fromDriverError(error)).toBe(error);
    expect(sqlstateOf(error)).toBeUndefined();
  });
});

describe("an error raised by the client", () => {
  it("has the SQLSTATE of its registry", () => {
    for (const code of Object.keys(coreErrors) as (keyof typeof coreErrors)[]) {
      expect(coreError(code, "words")).toMatchObject({
        module: "core",
        code,
        sqlstate: coreErrors[code],
        message: "words",
      });
      expect(coreErrors[code]).toMatch(/^[0-9A-Z]{5}$/);
    }
    expect(moduleError("shop", { VAL_PRICE: "22003" }, "VAL_PRICE", "too high")).toMatchObject({
      module: "shop",
      code: "VAL_PRICE",
      sqlstate: "22003",
    });
  });

  it("has no cause unless there is one", () => {
    expect(Object.hasOwn(coreError("SYS_TIMEOUT", "late"), "cause")).toBe(false);
  });
});
