import pg from "pg";

/** Parameters of an SQL function by name; one that is absent is left to its default. */
export type NamedArguments = Readonly<Record<string, unknown>>;

export interface Grant {
  readonly resource: string;
  readonly relation: string;
  readonly subject: string;
  readonly namespace?: string | null;
  readonly expiresAt?: Date | string | null;
}

/** One connection of a role, as a program in any language has it, with a tenant of its own. */
export interface Session extends AsyncDisposable {
  readonly client: pg.PoolClient;
  readonly query: pg.PoolClient["query"];
  /** Warnings that the server sent since the last look. */
  takeWarnings(): string[];
  /** Sets the tenant for the rest of the session; null for none. */
  useTenant(tenant: string | null): Promise<void>;
  /** Sets the viewer, `type:id`, for the rest of the session; null for none. */
  useViewer(viewer: string | null): Promise<void>;
  /** Calls a function of the schema by named arguments and gives its value. */
  call<T = unknown>(name: string, args?: NamedArguments): Promise<T>;
  /** Calls a function of the schema by named arguments and gives its rows. */
  rows<T = Record<string, unknown>>(name: string, args?: NamedArguments): Promise<T[]>;
  /** `write_tuple` from `type:id` and `type:id#relation`. */
  grant(grant: Grant): Promise<string>;
  /** `delete_tuple` from the same. */
  revoke(grant: Grant): Promise<boolean>;
  /** `check` from `type:id`. */
  check(subject: string, permission: string, resource: string): Promise<boolean>;
}

/** Takes a connection out of the pool; giving it back closes it, and what was set on it is gone. */
export async function openSession(pool: pg.Pool, tenant: string | null = null): Promise<Session> {
  const client = await pool.connect();
  const warnings: string[] = [];
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
    await client.query("select set_config('postkit.tenant_id', $1, false)", [name ?? ""]);
  };
  const session: Session = {
    client,
    query: client.query.bind(client),
    takeWarnings: () => warnings.splice(0),
    useTenant,
    useViewer: async (viewer) => {
      await client.query(
        "select set_config('postkit.viewer_type', $1, false), set_config('postkit.viewer_id', $2, false)",
        viewer === null ? ["", ""] : split(viewer),
      );
    },
    call,
    rows,
    grant: (grant) => call("write_tuple", { ...tupleArguments(grant), ...expiry(grant) }),
    revoke: (grant) => call("delete_tuple", tupleArguments(grant)),
    check: (subject, permission, resource) => {
      const [subjectType, subjectId] = split(subject);
      const [resourceType, resourceId] = split(resource);
      return call("check", {
        p_subject_type: subjectType,
        p_subject_id: subjectId,
        p_permission: permission,
        p_resource_type: resourceType,
        p_resource_id: resourceId,
      });
    },
    [Symbol.asyncDispose]: async () => client.release(true),
  };
  if (tenant !== null) await useTenant(tenant);
  return session;
}

export function callStatement(
  name: string,
  args: NamedArguments,
): { text: string; values: unknown[] } {
  const entries = Object.entries(args).filter(([, value]) => value !== undefined);
  const named = entries.map(([parameter], index) => `${parameter} => $${index + 1}`);
  return {
    text: `select r.* from authz.${name}(${named.join(", ")}) r`,
    values: entries.map(([, value]) => value),
  };
}

export function tupleArguments({ resource, relation, subject, namespace }: Grant): NamedArguments {
  const [resourceType, resourceId] = split(resource);
  const [subjectKey, subjectRelation] = subject.split("#") as [string, string?];
  const [subjectType, subjectId] = split(subjectKey);
  return {
    p_resource_type: resourceType,
    p_resource_id: resourceId,
    p_relation: relation,
    p_subject_type: subjectType,
    p_subject_id: subjectId,
    p_subject_relation: subjectRelation,
    p_namespace: namespace,
  };
}

function expiry({ expiresAt }: Grant): NamedArguments {
  return expiresAt === undefined ? {} : { p_expires_at: expiresAt };
}

function split(reference: string): [type: string, id: string] {
  const colon = reference.indexOf(":");
  return [reference.slice(0, colon), reference.slice(colon + 1)];
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
    return { code: hint?.replace(/^postkit:authz:/, ""), sqlstate, message, detail };
  }
  throw new Error("The statement was not refused.");
}

/** How many rows each table has, whoever they belong to. */
export async function countRows(superPool: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await superPool.query<Record<string, number>>(
    `select (select count(*) from authz.tuples)::int as tuples,
       (select count(*) from authz.permission_hierarchy)::int as rules,
       (select count(*) from authz.audit_events)::int as events,
       (select coalesce(sum(version), 0) from authz.graph_state)::int as graph_version`,
  );
  return rows[0] ?? {};
}
