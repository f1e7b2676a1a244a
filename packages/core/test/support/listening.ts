import type { ListenEvent, ListenHandler } from "@postkit/core";
import { type TestDatabase, waitFor } from "@postkit/testkit";

/** What a handler was told, in order. */
export interface Recorder {
  readonly handler: ListenHandler;
  readonly events: ListenEvent[];
  /** `gap`, `lost`, and the payloads of notifications. */
  told(): string[];
  /** Waits until the handler was told this, looking from the event with that number on. */
  until(what: string, from?: number): Promise<void>;
}

export function record(): Recorder {
  const events: ListenEvent[] = [];
  const told = () => events.map((event) => ("payload" in event ? event.payload : event.type));
  return {
    events,
    handler: (event) => {
      events.push(event);
    },
    told,
    until: async (what, from = 0) => {
      await waitFor(() => told().slice(from).includes(what), { what: `${what} to be told` });
    },
  };
}

/** Process ids of the application role's connections. */
export async function backends({ super: pool, appRole }: TestDatabase): Promise<number[]> {
  const { rows } = await pool.query<{ pid: number }>(
    "select pid from pg_stat_activity where datname = current_database() and usename = $1 order by pid",
    [appRole],
  );
  return rows.map(({ pid }) => pid);
}

export async function notify(
  { super: pool }: TestDatabase,
  channel: string,
  payload: string,
): Promise<void> {
  await pool.query("select pg_notify($1, $2)", [channel, payload]);
}
