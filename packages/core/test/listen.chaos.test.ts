import { createPostkit, type ListenEvent, type ListenerOptions, type Postkit } from "@postkit/core";
import {
  createTestDatabase,
  newRunId,
  type Proxy,
  startPrivateServer,
  startProxy,
  type TestDatabase,
  waitFor,
} from "@postkit/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { backends, notify, record, type Recorder } from "./support/listening.ts";

/** Little patience, so that a test has some, too. */
const hasty: ListenerOptions = { heartbeatMs: 50, answerTimeoutMs: 300, reconnectMsMax: 50 };

const open = (connectionString: string, listener = hasty) =>
  createPostkit({ connectionString, listener, modules: {} });

/** A notification arrives that is sent after the last gap. */
async function flowsAgain(db: TestDatabase, recorder: Recorder, channel = "orders") {
  const payload = `after ${recorder.events.length} events`;
  await notify(db, channel, payload);
  await recorder.until(payload);
}

const lost = (code: string): ListenEvent => ({
  type: "lost",
  error: expect.objectContaining({ module: "core", code }),
});

describe("a listener whose connection fails", () => {
  let db: TestDatabase;
  let proxy: Proxy;
  let postkit: Postkit<Record<never, never>>;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());
  beforeEach(async () => {
    proxy = await startProxy(db.appUrl);
    postkit = open(proxy.url);
  });
  afterEach(async () => {
    proxy.resume();
    await postkit.close();
    await proxy.close();
  });

  it("is told so, and of a gap when it is back, after its back end was terminated", async () => {
    const [orders, others] = [record(), record()];
    await postkit.listen("orders", orders.handler).ready;
    await postkit.listen("others", others.handler).ready;
    const [pid] = await backends(db);
    await db.super.query("select pg_terminate_backend($1)", [pid]);
    await Promise.all([orders.until("gap", 1), others.until("gap", 1)]);
    expect(orders.events).toEqual([{ type: "gap" }, lost("SYS_CONNECTION_LOST"), { type: "gap" }]);
    expect(others.told()).toEqual(["gap", "lost", "gap"]);
    await flowsAgain(db, orders);
    await flowsAgain(db, others, "others");
    expect(await backends(db)).not.toContain(pid);
  });

  it("comes back after the network cut it, each time", async () => {
    const recorder = record();
    await postkit.listen("orders", recorder.handler).ready;
    for (let turn = 1; turn <= 5; turn += 1) {
      const from = recorder.events.length;
      proxy.cut();
      await recorder.until("gap", from);
      expect(recorder.told().slice(from)).toEqual(["lost", "gap"]);
      await flowsAgain(db, recorder);
    }
  });

  it("notices by its heartbeat that the network has gone quiet", async () => {
    const recorder = record();
    await postkit.listen("orders", recorder.handler).ready;
    proxy.stall();
    await recorder.until("lost");
    expect(recorder.events).toEqual([{ type: "gap" }, lost("SYS_TIMEOUT")]);
    // What is held is no connection any more; the next attempt is.
    proxy.cut();
    proxy.resume();
    await recorder.until("gap", 2);
    await flowsAgain(db, recorder);
  });

  it("stays as long as its heartbeat is answered", async () => {
    const { handler, told } = record();
    await postkit.listen("orders", handler).ready;
    proxy.forgetMessages();
    await waitFor(() => proxy.clientStatements().length >= 5, { what: "five heartbeats" });
    expect(new Set(proxy.clientStatements())).toEqual(new Set(["select 1"]));
    expect(told()).toEqual(["gap"]);
    expect(proxy.stats.connections).toBe(1);
  });

  it("tries again and again while it is refused, and tells it once", async () => {
    const recorder = record();
    await postkit.listen("orders", recorder.handler).ready;
    proxy.reject();
    proxy.cut();
    await recorder.until("lost");
    const late = record();
    postkit.listen("others", late.handler);
    // Told by the second attempt or a later one.
    await late.until("lost");
    proxy.resume();
    await Promise.all([recorder.until("gap", 1), late.until("gap")]);
    expect(recorder.told()).toEqual(["gap", "lost", "gap"]);
    expect(late.events).toEqual([lost("SYS_CONNECTION_FAILED"), { type: "gap" }]);
    await flowsAgain(db, recorder);
    await flowsAgain(db, late, "others");
  });

  it("closes in time while the network is quiet", async () => {
    await postkit.close();
    postkit = open(proxy.url, {});
    const subscription = postkit.listen("orders", () => {});
    await subscription.ready;
    proxy.stall();
    await subscription.close();
    await postkit.close();
    expect(proxy.stats.connections).toBe(1);
  });

  it("loses no subscriber who comes, and tells none who went, while it reconnects", async () => {
    const keeper = record();
    await postkit.listen("keeper", keeper.handler).ready;
    for (let turn = 0; turn < 15; turn += 1) {
      const channel = `channel ${turn % 3}`;
      const [stays, goes] = [record(), record()];
      const going = postkit.listen(channel, goes.handler);
      if (turn % 2 === 0) await going.ready;
      const from = keeper.events.length;
      proxy.cut();
      // At every stage of coming back: before the loss is known, when it is told, and when the gap is.
      if (turn % 3 === 1) await keeper.until("lost", from);
      if (turn % 3 === 2) await keeper.until("gap", from);
      const staying = postkit.listen(channel, stays.handler);
      const left = going.close();
      const toldThen = goes.events.length;
      await staying.ready;
      await left;
      await keeper.until("gap", from);
      await flowsAgain(db, stays, channel);
      expect(goes.events).toHaveLength(toldThen);
      await staying.close();
    }
    await flowsAgain(db, keeper, "keeper");
    expect(await backends(db)).toHaveLength(1);
  });
});

describe("a listener whose server stops and starts again", () => {
  it.each(["crash", "shutDown"] as const)("listens again: %s", async (end) => {
    await using server = await startPrivateServer();
    await using db = await createTestDatabase({
      server: { url: server.url, version: server.version, runId: newRunId() },
    });
    await using postkit = open(db.appUrl);
    const recorder = record();
    await postkit.listen("orders", recorder.handler).ready;
    await server[end]();
    await recorder.until("lost");
    await server.restart();
    await recorder.until("gap", 1);
    expect(recorder.told()).toEqual(["gap", "lost", "gap"]);
    await flowsAgain(db, recorder);
  });
});
