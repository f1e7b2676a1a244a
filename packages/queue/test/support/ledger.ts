/** A job in somebody's hands, as a pull gave it. */
export interface Holding {
  readonly namespace: string;
  readonly queue: string;
  readonly id: string;
  readonly fence: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly deadline: number;
}

export type Outcome = "ack" | "nack" | "dead" | "fail" | "release" | "release_uncounted" | "cancel";

/** What a call that was committed has told. */
export type Fact =
  | {
      readonly kind: "pushed";
      readonly namespace: string;
      readonly queue: string;
      readonly id: string;
    }
  | { readonly kind: "pulled"; readonly holding: Holding }
  | {
      readonly kind: "settled";
      readonly id: string;
      readonly fence: string;
      readonly outcome: Outcome;
    }
  /** `byThen`: a moment after the time was found to be over. */
  | { readonly kind: "timed out"; readonly id: string; readonly byThen: number }
  | { readonly kind: "deleted"; readonly id: string }
  | { readonly kind: "deleted or asked back"; readonly id: string }
  | {
      readonly kind: "purged";
      readonly namespace: string;
      readonly queue: string;
      readonly count: number;
    }
  | { readonly kind: "retried"; readonly letter: string; readonly id: string };

/** That somebody was told, committed or not, that a fence is good. */
export interface Claim {
  readonly fence: string;
  /** When the server got the call. */
  readonly askedAt: number;
  /** Time that it added to the deadline. */
  readonly extendedMs?: number;
  /** The latest deadline that it may have set. */
  readonly heldUntil?: number;
}

/** A row of any of the tables of jobs. */
export interface StoredJob {
  readonly namespace: string;
  readonly queue: string;
  readonly id: string;
  readonly place: "ready" | "deferred" | "leases" | "completed" | "dead" | "cancelled";
  readonly attempts: number;
  readonly max_attempts: number;
  readonly fence: string | null;
  readonly unique_key: string | null;
}

export interface StoredLetter {
  readonly namespace: string;
  readonly id: string;
  readonly original_job_id: string;
  readonly retry_job_id: string | null;
}

export interface StoredKey {
  readonly namespace: string;
  readonly queue: string;
  readonly key: string;
  readonly job_id: string;
}

export interface Stored {
  readonly jobs: readonly StoredJob[];
  readonly letters: readonly StoredLetter[];
  readonly keys: readonly StoredKey[];
}

interface Account {
  readonly namespace: string;
  readonly queue: string;
  readonly pulls: Holding[];
  readonly settlements: Map<string, Outcome[]>;
  readonly timeouts: number[];
  deletions: number;
  askedBack: number;
}

const returning: readonly Outcome[] = ["nack", "release", "release_uncounted"];

/** What must be in the tables after all that was committed, whatever its order was. */
export class Ledger {
  readonly #archived: ReadonlySet<string>;
  readonly #accounts = new Map<string, Account>();
  readonly #claims = new Map<string, Claim[]>();
  readonly #purged = new Map<string, number>();
  readonly #retries: { letter: string; id: string }[] = [];
  readonly #complaints: string[] = [];
  #early: Fact[] = [];

  /** @param archivedQueues those that keep completed jobs */
  constructor(archivedQueues: readonly string[]) {
    this.#archived = new Set(archivedQueues);
  }

  get jobIds(): string[] {
    return [...this.#accounts.keys()];
  }

  /** All that were ever pulled in a namespace, the latest last. */
  holdings(namespace: string): Holding[] {
    return [...this.#accounts.values()]
      .filter((account) => account.namespace === namespace)
      .flatMap(({ pulls }) => pulls)
      .sort((left, right) => Number(left.fence) - Number(right.fence));
  }

  /** Whether a later pull of the job is known, or that it was settled. */
  isKnownStale({ id, fence }: Pick<Holding, "id" | "fence">): boolean {
    const account = this.#accounts.get(id);
    if (account === undefined) return false;
    return (
      account.settlements.has(fence) ||
      account.pulls.some((pull) => Number(pull.fence) > Number(fence))
    );
  }

  complain(complaint: string): void {
    this.#complaints.push(complaint);
  }

  claim(claim: Claim): void {
    this.#claims.set(claim.fence, [...(this.#claims.get(claim.fence) ?? []), claim]);
  }

  commit(facts: readonly Fact[]): void {
    for (const fact of facts) this.#record(fact);
  }

  /** Answers do not come in the order of commits: what is told of a job that nobody has told of yet is kept. */
  #record(fact: Fact): void {
    if (fact.kind === "pushed") {
      this.#account(fact.id, fact);
    } else if (fact.kind === "pulled") {
      this.#account(fact.holding.id, fact.holding).pulls.push(fact.holding);
    } else if (fact.kind === "purged") {
      const lane = laneOf(fact);
      this.#purged.set(lane, (this.#purged.get(lane) ?? 0) + fact.count);
    } else if (fact.kind === "retried") {
      this.#retries.push(fact);
    } else {
      const account = this.#accounts.get(fact.id);
      if (account === undefined) this.#early.push(fact);
      else if (fact.kind === "timed out") account.timeouts.push(fact.byThen);
      else if (fact.kind === "deleted") account.deletions += 1;
      else if (fact.kind === "deleted or asked back") account.askedBack += 1;
      else {
        const outcomes = account.settlements.get(fact.fence) ?? [];
        account.settlements.set(fact.fence, [...outcomes, fact.outcome]);
      }
    }
  }

  #account(id: string, { namespace, queue }: { namespace: string; queue: string }): Account {
    const known = this.#accounts.get(id);
    if (known) {
      if (laneOf(known) !== laneOf({ namespace, queue })) {
        this.complain(`job ${id} was on ${laneOf(known)} and on ${laneOf({ namespace, queue })}`);
      }
      return known;
    }
    const account: Account = {
      namespace,
      queue,
      pulls: [],
      settlements: new Map(),
      timeouts: [],
      deletions: 0,
      askedBack: 0,
    };
    this.#accounts.set(id, account);
    return account;
  }

  /** Compares with what is stored while nobody works; what is wrong, in words. */
  complaints(stored: Stored): string[] {
    const early = this.#early;
    this.#early = [];
    this.commit(early);
    const complaints = [
      ...this.#complaints,
      ...this.#early.map((fact) => `${JSON.stringify(fact)} of a job that nobody pushed`),
    ];
    const places = new Map<string, StoredJob>();
    for (const job of stored.jobs) {
      if (places.has(job.id)) complaints.push(`job ${job.id} is in two places`);
      places.set(job.id, job);
      if (!this.#accounts.has(job.id)) complaints.push(`job ${job.id}, which nobody pushed`);
    }
    const gone: [string, Account][] = [];
    for (const [id, account] of this.#accounts) {
      account.pulls.sort((left, right) => Number(left.fence) - Number(right.fence));
      const place = places.get(id);
      const wrong = this.#wrongWith(account, place);
      if (wrong !== undefined) complaints.push(`job ${id}: ${wrong}`);
      if (place === undefined && !this.#mayHaveEnded(account)) gone.push([id, account]);
    }
    return [
      ...complaints,
      ...this.#wrongPurges(gone),
      ...this.#wrongClaims(),
      ...this.#wrongTimeouts(),
      ...this.#wrongLetters(stored),
      ...wrongKeys(stored),
    ];
  }

  #wrongWith(account: Account, place: StoredJob | undefined): string | undefined {
    let attempts = 0;
    let unsettled = 0;
    let releases = 0;
    let last: Outcome | undefined;
    for (const [index, pull] of account.pulls.entries()) {
      const outcomes = account.settlements.get(pull.fence) ?? [];
      if (outcomes.length > 1) return `fence ${pull.fence} was good for ${outcomes.join(" and ")}`;
      if (pull.attempts !== attempts + 1) {
        return `attempt ${pull.attempts} came after ${attempts} of them`;
      }
      last = outcomes[0];
      attempts = pull.attempts;
      if (last === undefined) unsettled += 1;
      if (last === "release") releases += 1;
      if (last === "release_uncounted") attempts -= 1;
      if (last === "nack" && pull.attempts >= pull.maxAttempts) return "tried beyond its attempts";
      if (last === "dead" && pull.attempts < pull.maxAttempts && account.askedBack === 0) {
        return "given up too early";
      }
      const isLast = index === account.pulls.length - 1;
      if (last !== undefined && !returning.includes(last) && !isLast) {
        return `it was pulled again after ${last}`;
      }
    }
    if (account.settlements.size > account.pulls.length) return "settled with a fence of nobody's";
    if (account.deletions > 1) return "deleted twice";
    if (account.deletions > 0 && last !== undefined && !returning.includes(last)) {
      return `deleted after ${last}`;
    }
    if (place === undefined) {
      if (unsettled !== account.timeouts.length) {
        return `lost: ${unsettled} attempts not settled, ${account.timeouts.length} timed out`;
      }
      return undefined;
    }
    if (account.deletions > 0) return `deleted, and in ${place.place}`;
    if (place.attempts !== attempts) return `${place.attempts} attempts stored for ${attempts}`;
    const isHeld = place.place === "leases";
    if (unsettled !== account.timeouts.length + (isHeld ? 1 : 0)) {
      return `in ${place.place}: ${unsettled} attempts not settled, ${account.timeouts.length} timed out`;
    }
    if (isHeld && place.fence !== account.pulls.at(-1)?.fence) {
      return `leased with fence ${place.fence}, which nobody got`;
    }
    const isAtRest = place.place === "ready" || place.place === "deferred";
    if (isAtRest && attempts > place.max_attempts && releases === 0) return "too many attempts";
    const hasTimedOut = last === undefined && attempts >= place.max_attempts;
    const expected = this.#placesAfter(last, account, hasTimedOut);
    // One that was asked back while it ran ends when its worker gives it up or is gone.
    if (account.askedBack > 0 && this.#archived.has(account.queue)) expected.push("cancelled");
    if (!expected.includes(place.place)) return `in ${place.place}, not ${expected.join(" or ")}`;
    return undefined;
  }

  #placesAfter(
    last: Outcome | undefined,
    { pulls, queue }: Account,
    hasTimedOut: boolean,
  ): StoredJob["place"][] {
    if (last === undefined && pulls.length === 0) return ["ready", "deferred"];
    if (last === undefined) return ["leases", hasTimedOut ? "dead" : "ready"];
    if (last === "nack") return ["deferred"];
    if (last === "dead" || last === "fail") return ["dead"];
    if (last === "release" || last === "release_uncounted") return ["ready"];
    if (!this.#archived.has(queue)) return [];
    return [last === "ack" ? "completed" : "cancelled"];
  }

  /** Whether it is no wonder that the job is in no table. */
  #mayHaveEnded({ deletions, askedBack, pulls, settlements, queue }: Account): boolean {
    const last = pulls.at(-1);
    const [outcome] = (last && settlements.get(last.fence)) ?? [];
    const isDropped = outcome === "ack" || outcome === "cancel";
    return deletions > 0 || ((isDropped || askedBack > 0) && !this.#archived.has(queue));
  }

  #wrongPurges(gone: readonly [string, Account][]): string[] {
    const lanes = new Set([...gone.map(([, account]) => laneOf(account)), ...this.#purged.keys()]);
    return [...lanes].flatMap((lane) => {
      const missing = gone.filter(([, account]) => laneOf(account) === lane);
      const least = missing.filter(([, { askedBack }]) => askedBack === 0);
      const purged = this.#purged.get(lane) ?? 0;
      if (purged >= least.length && purged <= missing.length) return [];
      const ids = missing.map(([id]) => id).join(", ");
      return [`${purged} jobs of ${lane} purged, but ${least.length} are gone of ${ids}`];
    });
  }

  #wrongClaims(): string[] {
    const deadlines = new Map(
      [...this.#accounts.values()]
        .flatMap(({ pulls }) => pulls)
        .map(({ fence, deadline }) => [fence, deadline]),
    );
    return [...this.#claims.values()].flat().flatMap((claim) => {
      const deadline = deadlines.get(claim.fence);
      // The pull was rolled back.
      if (deadline === undefined) return [];
      const others = this.#claims.get(claim.fence)?.filter((one) => one !== claim) ?? [];
      const latest =
        Math.max(deadline, ...others.map(({ heldUntil }) => heldUntil ?? 0)) +
        others.reduce((sum, { extendedMs }) => sum + (extendedMs ?? 0), 0);
      if (claim.askedAt <= latest) return [];
      return [`fence ${claim.fence} was good ${claim.askedAt - latest} ms after its time`];
    });
  }

  /** Jobs that were taken back before their time was over, but those whose time a heartbeat may have made shorter. */
  #wrongTimeouts(): string[] {
    return [...this.#accounts].flatMap(([id, { pulls, settlements, timeouts }]) => {
      const unsettled = pulls.filter(({ fence }) => !settlements.has(fence));
      return timeouts
        .toSorted((left, right) => left - right)
        .flatMap((byThen, index) => {
          const pull = unsettled[index];
          const claims = (pull && this.#claims.get(pull.fence)) ?? [];
          const mayBeShorter = claims.some(({ heldUntil }) => heldUntil !== undefined);
          if (pull === undefined || mayBeShorter || byThen + 1 >= pull.deadline) return [];
          return [`job ${id}: timed out ${pull.deadline - byThen} ms before its time`];
        });
    });
  }

  #wrongLetters({ jobs, letters }: Stored): string[] {
    const dead = jobs.filter(({ place }) => place === "dead").map(({ id }) => id);
    const buried = letters.map(({ original_job_id: id }) => id);
    const retried = letters.flatMap(({ id, retry_job_id: job }) => (job ? [`${id}>${job}`] : []));
    return [
      ...differences("dead job without a letter", dead, buried),
      ...differences("letter without a dead job", buried, dead),
      ...differences(
        "retry of a letter",
        retried,
        this.#retries.map(({ letter, id }) => `${letter}>${id}`),
      ),
    ];
  }
}

function wrongKeys({ jobs, keys }: Stored): string[] {
  const live = jobs
    .filter(({ place, unique_key: key }) => key && /ready|deferred|leases/.test(place))
    .map((job) => `${laneOf(job)} ${job.unique_key}=${job.id}`);
  const taken = keys.map((key) => `${laneOf(key)} ${key.key}=${key.job_id}`);
  return [
    ...differences("key of no job", taken, live),
    ...differences("job without its key", live, taken),
  ];
}

/** What one list has more often than the other, or the other way round. */
function differences(what: string, left: readonly string[], right: readonly string[]): string[] {
  const rest = [...right];
  const missing = left.filter((one) => {
    const index = rest.indexOf(one);
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
  return missing.map((one) => `${what}: ${one}`);
}

function laneOf({ namespace, queue }: { namespace: string; queue: string }): string {
  return `${namespace}/${queue}`;
}
