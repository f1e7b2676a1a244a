import { freeze } from "../src/freeze.ts";
import type { Server } from "../src/server.ts";
import { demoModule } from "./demo-module.ts";
import { createFixture, type Fixture } from "./fixture.ts";

export const demoUp = "migrations/demo/0001_init.up.sql";
export const demoDown = "migrations/demo/0001_init.down.sql";

const history = [demoUp, demoDown, "migrations/checksums.json"];
let frozen: ReadonlyMap<string, string> | undefined;

/** The demo module with its first step as history, frozen once and copied from then on. */
export async function createFrozen(server: Server): Promise<Fixture> {
  const fixture = createFixture(demoModule);
  if (frozen === undefined) {
    await freeze(server, fixture, { module: "demo", slug: "init" });
    frozen = new Map(history.map((path) => [path, fixture.read(path)]));
  }
  for (const [path, text] of frozen) fixture.write(path, text);
  return fixture;
}
