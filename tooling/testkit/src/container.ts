import { testSettings } from "./server.ts";

const startBudgetMs = 120_000;
/** From version 18 on, the image keeps its data in a folder below this one. */
const dataFolder = "/var/lib/postgresql";

export interface Container {
  url: string;
  version: number;
  stop(): Promise<void>;
}

/** Starts PostgreSQL in a container, its data in memory; fails when it is not there in time. */
export async function startContainer(version: number): Promise<Container> {
  // Loaded only when needed: it is large.
  const { PostgreSqlContainer } = await import("@testcontainers/postgresql");
  const starting = new PostgreSqlContainer(`postgres:${version}`)
    .withCommand([
      "postgres",
      ...Object.entries(testSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ])
    .withTmpFs({ [dataFolder]: "rw" })
    .withStartupTimeout(startBudgetMs)
    .start();
  const container = await withinBudget(starting);
  if (!container) {
    starting.then((late) => late.stop()).catch(() => {});
    throw new Error(`No container in ${startBudgetMs} ms.`);
  }
  return {
    url: container.getConnectionUri(),
    version,
    stop: async () => {
      await container.stop();
    },
  };
}

async function withinBudget<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const budget = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), startBudgetMs);
  });
  try {
    return await Promise.race([work, budget]);
  } finally {
    clearTimeout(timer);
  }
}
