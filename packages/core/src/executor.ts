/** The answer of a driver, as far as Postkit reads it. */
export interface QueryResult {
  readonly rows: Record<string, unknown>[];
  readonly command?: string;
}

/**
 * Anything that runs one statement with `$1 … $n` placeholders inside a transaction: a pg Client or PoolClient as it
 * is, and a one-line adapter for other libraries.
 */
export interface Executor {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}
