/** Numbers that look like chance and are the same for the same seed. */
export interface Random {
  /** From 0 to below the limit. */
  below(limit: number): number;
  chance(share: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** Some of them, each at most once, in an order that means nothing. */
  some<T>(choices: readonly T[], most: number): T[];
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(choices: readonly T[]): T => {
    if (choices.length === 0) throw new Error("There is nothing to pick from.");
    return choices[below(choices.length)] as T;
  };
  return {
    below,
    chance: (share) => next() < share,
    pick,
    some(choices, most) {
      const left = [...choices];
      const taken: typeof left = [];
      while (left.length > 0 && taken.length < most) {
        taken.push(...left.splice(below(left.length), 1));
      }
      return taken;
    },
  };
}
