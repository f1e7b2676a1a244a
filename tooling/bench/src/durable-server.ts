import { acquireServer, type AcquiredServer, withClient } from "@postkit/testkit";
import { median } from "./statistics.ts";

const commits = 200;

/**
 * A server for contests, on which a commit is on disk. It has memory for the data, as a server that is set up for them,
 * and room for the log, so that no checkpoint falls on one contestant and not on the next.
 */
export async function acquireDurableServer(): Promise<AcquiredServer> {
  const server = await acquireServer({
    durable: true,
    settings: {
      max_connections: 200,
      shared_buffers: "1GB",
      min_wal_size: "2GB",
      max_wal_size: "16GB",
      checkpoint_timeout: "30min",
    },
  });
  try {
    await assertDurable(server.url);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function assertDurable(url: string): Promise<void> {
  for (const setting of ["fsync", "synchronous_commit", "full_page_writes"]) {
    const { rows } = await withClient(url, (client) =>
      client.query<{ value: string }>("select current_setting($1) as value", [setting]),
    );
    if (rows[0]?.value !== "on")
      throw new Error(
        `${setting} is not on, so the rates would say nothing: choose another server.`,
      );
  }
}

/** Median time of a small commit: what a rate of commits is to be read against. */
export async function measureCommitMs(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const times: number[] = [];
    for (let commit = 0; commit < commits; commit += 1) {
      const before = performance.now();
      await client.query("select pg_logical_emit_message(true, 'bench', 'commit')");
      times.push(performance.now() - before);
    }
    return median(times);
  });
}
