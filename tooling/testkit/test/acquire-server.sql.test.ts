import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";

import { acquireServer, withClient } from "@postkit/testkit";
import { afterEach, describe, expect, inject, it, vi } from "vitest";

import { dockerAnswers } from "../src/docker-ping.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Listens, makes DOCKER_HOST lead there, and is closed at the end of the block. */
async function engineAt(server: Server): Promise<Disposable> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  vi.stubEnv("DOCKER_HOST", `tcp://127.0.0.1:${port}`);
  return { [Symbol.dispose]: () => void server.close() };
}

describe("acquireServer", () => {
  it("takes the server of POSTKIT_TEST_DATABASE_URL and asks it for its version", async () => {
    const { url, version } = inject("postkitServer");
    vi.stubEnv("POSTKIT_TEST_PG", "");
    vi.stubEnv("POSTKIT_TEST_DATABASE_URL", url);
    vi.stubEnv("DATABASE_URL", "postgres://127.0.0.1:1/never");
    await using server = await acquireServer();
    expect(server).toMatchObject({ kind: "url", url, version });
  });

  it("takes no container, whose data are in memory, for commits that are to last", async () => {
    vi.stubEnv("POSTKIT_TEST_PG", "");
    vi.stubEnv("POSTKIT_TEST_DATABASE_URL", "");
    using _ = await engineAt(createHttpServer((_request, response) => response.end("OK")));
    await using server = await acquireServer({ durable: true, settings: {} });
    expect(server.kind).toBe("embedded");
    const { rows } = await withClient(server.url, (client) => client.query("show fsync"));
    expect(rows).toEqual([{ fsync: "on" }]);
  });

  it("refuses a kind or a version it does not know, and a kind without its URL", async () => {
    vi.stubEnv("POSTKIT_TEST_PG", "oracle");
    await expect(acquireServer()).rejects.toThrow("it must be url, docker or embedded");
    vi.stubEnv("POSTKIT_TEST_PG", "url");
    vi.stubEnv("POSTKIT_TEST_DATABASE_URL", "");
    await expect(acquireServer()).rejects.toThrow("needs POSTKIT_TEST_DATABASE_URL");
    vi.stubEnv("POSTKIT_TEST_PG_VERSION", "9");
    await expect(acquireServer()).rejects.toThrow("it must be one of 14, 15, 16, 17, 18");
  });
});

describe("dockerAnswers", () => {
  it("is true when the engine answers the ping", async () => {
    const engine = createHttpServer((request, response) => {
      response.statusCode = request.url === "/_ping" ? 200 : 404;
      response.end("OK");
    });
    using _ = await engineAt(engine);
    expect(await dockerAnswers()).toBe(true);
  });

  it("is false when the engine takes the connection and says nothing", async () => {
    const silent = createServer(() => {});
    using _ = await engineAt(silent);
    expect(await dockerAnswers()).toBe(false);
  });

  it("is false when there is no socket", async () => {
    vi.stubEnv("DOCKER_HOST", "unix:///nowhere/docker.sock");
    expect(await dockerAnswers()).toBe(false);
  });
});
