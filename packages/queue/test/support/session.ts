import pg from "pg";

/** Parameters of an SQL function by name; one that is absent is left to its default. */
export type NamedArguments = Readonly<Record<string, unknown>>;

/** A row of queue.jobs as the driver gives it: bigints are strings. */
export interface Job {
  id: string;
  namespace: string;
  queue: string;
  payload: unknown;
  priority: number;
  scheduled_at: Date;
  status: string;
  attempts: number;
  max_attempts: number;
  locked_by: string | null;
  locked_at: Date | null;
  visibility_timeout_at: Date | null;
  completed_at: Date | null;
  error: string | null;
  unique_key: string | null;
  tags: string[];
  metadata: unknown;
  actor_id: string | null;
  request_id: string | null;
  on_behalf_of: string | null;
  reason: string | null;
  created_at: Date;
  updated_at: Date;
  fence_token: string | null;
}

export type HeldJob = Job & { fence_token: string };

/** One connection of a role, as a program in any language has it, with a tenant of its own. */
export interface Session extends AsyncDisposable {
  readonly client: pg.PoolClient;
  readonly query: pg.PoolClient["query"];
  /** Warnings that the server sent since the last look. */
  takeWarnings(): string[];
  /** Sets the tenant for the rest of the session; null for none. */
  useTenant(tenant: string | null): Promise<void>;
  /** Calls a function of the schema by named arguments and gives its value. */
  call<T = unknown>(name: string, args?: NamedArguments): Promise<T>;
  /** Calls a function of the schema by named arguments and gives its rows. */
  rows<T = Record<string, unknown>>(name: string, args?: NamedArguments): Promise<T[]>;
  /** `push` onto a queue of the tenant, with the payload `{}` unless told. */
  push(queue: string, args?: NamedArguments): Promise<string>;
  /** `pull` from a queue of the tenant, which has to have a job. */
  pull(queue: string, args?: NamedArguments): Promise<HeldJob>;
  /** `get_job`; undefined when there is none. */
  job(id: string): Promise<Job | undefined>;
  /** Lets the time of a job that somebody holds run out. */
  expire(id: string): Promise<void>;
}

/** Takes a connection out of the pool; giving it back closes it, and what was set on it is gone. */
export async function openSession(pool: pg.Pool, tenant: string | null = null): Promise<Session> {
  const client = await pool.connect();
  const warnings: string[] = [];
  let namespace = tenant;
  client.on("notice", ({ severity, message }) => {
    if (severity === "WARNING") warnings.push(message ?? "");
  });
  const rows = async <T>(name: string, args: NamedArguments = {}): Promise<T[]> => {
    const { text, values } = callStatement(name, args);
    return (await client.query(text, values)).rows as T[];
  };
  const call = async <T>(name: string, args: NamedArguments = {}): Promise<T> => {
    const [row] = await rows<Record<string, T>>(name, args);
    return Object.values(row ?? {})[0] as T;
  };
  const useTenant = async (name: string | null) => {
    namespace = name;
    await client.query("select set_config('postkit.tenant_id', $1, false)", [name ?? ""]);
  };
  const session: Session = {
    client,
    query: client.query.bind(client),
    takeWarnings: () => warnings.splice(0),
    useTenant,
    call,
    rows,
    push: (queue, args) =>
      call("push", { p_namespace: namespace, p_queue: queue, p_payload: "{}", ...args }),
    pull: async (queue, args) => {
      const [job] = await rows<HeldJob>("pull", {
        p_namespace: namespace,
        p_queue: queue,
        ...args,
      });
      if (!job) throw new Error(`Queue ${queue} has no job.`);
      return job;
    },
    job: async (id) => (await rows<Job>("get_job", { p_namespace: namespace, p_job_id: id }))[0],
    expire: async (id) => {
      await client.query(
        `update queue.leases
         set locked_at = locked_at - interval '1 hour', expires_at = clock_timestamp() - interval '1 second'
         where namespace = $1 and id = $2`,
        [namespace, id],
      );
    },
    [Symbol.asyncDispose]: async () => client.release(true),
  };
  if (tenant !== null) await useTenant(tenant);
  return session;
}

/** A call of a function of the schema by named arguments, as a table r. */
export function callStatement(
  name: string,
  args: NamedArguments,
  columns = "r.*",
): { text: string; values: unknown[] } {
  const entries = Object.entries(args).filter(([, value]) => value !== undefined);
  const named = entries.map(([parameter], index) => `${parameter} => $${index + 1}`);
  return {
    text: `select ${columns} from queue.${name}(${named.join(", ")}) r`,
    values: entries.map(([, value]) => value),
  };
}

/** The id and the fence of a job, as every call on a job that is held takes them. */
export function held({ namespace, id, fence_token: fence }: Job): NamedArguments {
  return { p_namespace: namespace, p_job_id: id, p_fence: fence };
}

/** The ids and the fences of jobs, as the calls on many take them. */
export function heldTogether(jobs: readonly Job[]): NamedArguments {
  return {
    p_namespace: jobs[0]?.namespace,
    p_job_ids: jobs.map(({ id }) => id),
    p_fences: jobs.map(({ fence_token: fence }) => fence),
  };
}

/** What a refused statement said. */
export interface Refusal {
  readonly code: string | undefined;
  readonly sqlstate: string | undefined;
  readonly message: string;
  readonly detail: string | undefined;
}

/** Gives the error of a statement that the database is to refuse. */
export async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { hint, code: sqlstate, message, detail } = error;
    return { code: hint?.replace(/^postkit:queue:/, ""), sqlstate, message, detail };
  }
  throw new Error("The statement was not refused.");
}

/** How many rows each table has, whoever they belong to. */
export async function countRows(superPool: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await superPool.query<Record<string, number>>(
    `select (select count(*) from queue.ready)::int as ready,
       (select count(*) from queue.deferred)::int as deferred,
       (select count(*) from queue.leases)::int as leases,
       (select count(*) from queue.unique_keys)::int as unique_keys,
       (select count(*) from queue.archive)::int as archive,
       (select count(*) from queue.dead_letters)::int as dead_letters,
       (select count(*) from queue.schedules)::int as schedules,
       (select count(*) from queue.config)::int as config,
       (select count(*) from queue.workers)::int as workers`,
  );
  return rows[0] ?? {};
}

/** What a test knows to be there. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("There is none.");
  return value;
}
