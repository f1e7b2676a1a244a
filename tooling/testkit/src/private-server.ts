import { type EmbeddedServer, type PostgresVersion, start } from "@postkit/embedded";
import { createThrowawayFolder, stopServer } from "@postkit/embedded/internal";

import { testSettings } from "./server.ts";

export interface PrivateServerOptions {
  /** @defaultValue 18 */
  version?: PostgresVersion;
  /** Added to those of the test servers; commits survive a crash unless `synchronous_commit` is off here. */
  settings?: Readonly<Record<string, string | number | boolean>>;
}

/** A server of one's own, to be crashed and restarted at will. */
export interface PrivateServer extends AsyncDisposable {
  /** For the superuser; the same over all restarts. */
  readonly url: string;
  readonly port: number;
  readonly version: number;
  /** Ends it without any cleaning up, as `pg_ctl stop -m immediate` does, and waits for its end. */
  crash(): Promise<void>;
  /** Ends sessions and stops it in order. */
  shutDown(): Promise<void>;
  /** Starts it again after one of these, on the same port and data, and waits until it accepts connections. */
  restart(): Promise<void>;
  /** Stops it for good and removes its data. */
  stop(): Promise<void>;
}

/** Starts one. Nothing of it is left when this process dies. */
export async function startPrivateServer(
  options: PrivateServerOptions = {},
): Promise<PrivateServer> {
  const settings = { ...testSettings, synchronous_commit: "on", ...options.settings };
  const folder = await createThrowawayFolder();
  const { dataDir } = folder;
  const first = await start({ ...options, settings, dataDir });
  const { url, port, version } = first;
  let current: EmbeddedServer | undefined = first;

  const end = async (signal: "SIGQUIT" | "SIGINT") => {
    await stopServer(dataDir, signal);
    // Waits for the guard, too.
    await current?.stop();
    current = undefined;
  };
  const stop = async () => {
    await end("SIGQUIT");
    await folder.remove();
  };
  return {
    url,
    port,
    version,
    crash: () => end("SIGQUIT"),
    shutDown: () => end("SIGINT"),
    async restart() {
      current = await start({ ...options, settings, dataDir, port });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
