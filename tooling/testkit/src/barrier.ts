export interface BarrierOptions {
  /** @defaultValue 10,000 */
  timeoutMs?: number;
}

/** Lets everyone go on when all have come. */
export interface Barrier {
  /** @throws Error when the others do not come in time. */
  arrive(): Promise<void>;
}

/** A barrier for a number of comers. It opens once. */
export function barrier(count: number, { timeoutMs = 10_000 }: BarrierOptions = {}): Barrier {
  const { promise: opened, resolve: open } = deferred();
  let arrived = 0;
  return {
    async arrive() {
      arrived += 1;
      if (arrived > count) throw new Error(`The barrier is for ${count}, and one more came.`);
      if (arrived === count) open();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`Only ${arrived} of ${count} came in ${timeoutMs} ms.`)),
          timeoutMs,
        );
      });
      await Promise.race([opened, late]).finally(() => clearTimeout(timer));
    },
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
