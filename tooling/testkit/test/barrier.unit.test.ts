import { barrier, race, waitFor } from "@postkit/testkit";
import { describe, expect, it } from "vitest";

describe("barrier", () => {
  it("lets nobody through before all have come", async () => {
    const gate = barrier(3);
    let through = 0;
    const pass = async () => {
      await gate.arrive();
      through += 1;
    };
    const first = pass();
    const second = pass();
    await new Promise(setImmediate);
    expect(through).toBe(0);
    await Promise.all([first, second, pass()]);
    expect(through).toBe(3);
  });

  it("says how many came when the others are late", async () => {
    await expect(barrier(2, { timeoutMs: 20 }).arrive()).rejects.toThrow(
      "Only 1 of 2 came in 20 ms.",
    );
  });

  it("refuses one too many", async () => {
    const gate = barrier(1);
    await gate.arrive();
    await expect(gate.arrive()).rejects.toThrow("one more came");
  });
});

describe("race", () => {
  it("runs all before any is done, and gives how each ended", async () => {
    const everyoneRuns = barrier(3);
    const results = await race(3, async (index) => {
      await everyoneRuns.arrive();
      if (index === 1) throw new Error("no");
      return index;
    });
    expect(results).toEqual([
      { status: "fulfilled", value: 0 },
      { status: "rejected", reason: new Error("no") },
      { status: "fulfilled", value: 2 },
    ]);
  });
});

describe("waitFor", () => {
  it("gives the first truthy answer", async () => {
    let asked = 0;
    expect(await waitFor(() => (asked += 1) > 2 && `asked ${asked}`)).toBe("asked 3");
  });

  it("names what it waited for, with the last error as cause", async () => {
    const failing = () => {
      throw new Error("not yet");
    };
    await expect(waitFor(failing, { timeoutMs: 30, what: "the moon" })).rejects.toMatchObject({
      message: "Waited 30 ms for the moon",
      cause: new Error("not yet"),
    });
  });
});
