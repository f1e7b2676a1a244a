/** A PostgreSQL server for tests. */
export interface TestServer {
  /** For a superuser. */
  readonly url: string;
  /** Major version. */
  readonly version: number;
}

export type ServerKind = "url" | "docker" | "embedded";

/** A test server to be given back. */
export interface AcquiredServer extends TestServer, AsyncDisposable {
  readonly kind: ServerKind;
  stop(): Promise<void>;
}

/** For embedded servers and containers: room for many pools, and nothing written out for safety. */
export const testSettings: Readonly<Record<string, string | number>> = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: 200,
  shared_preload_libraries: "pg_stat_statements",
};
