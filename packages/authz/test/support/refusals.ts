import type { AuthzClient, AuthzErrorCode } from "@postkit/authz";

import type { NamedArguments } from "./session.ts";

/** One thing that authz refuses, through SQL and, where the client can say the same, through the client. */
export interface RefusalCase {
  readonly title: string;
  readonly name: FunctionName;
  readonly args: NamedArguments;
  readonly code: AuthzErrorCode;
  readonly sqlstate: string;
  /** What the message says, the field's name above all. */
  readonly message: RegExp;
  /** @defaultValue `acme` */
  readonly tenant?: string | null;
  /** Why there is no such case for the client. */
  readonly onlySql?: string;
  /** Whose call it is. @defaultValue the application's */
  readonly role?: "owner";
}

export type FunctionName = keyof typeof functions;

type FieldKind = "identifier" | "id" | "namespace";

interface FunctionShape {
  /** A call that is accepted. */
  readonly valid: NamedArguments;
  /** What is validated, in this order, by the name after `p_`. */
  readonly fields: readonly (readonly [name: string, kind: FieldKind])[];
  readonly method?: (client: AuthzClient, args: NamedArguments) => Promise<unknown>;
}

const tuple = {
  p_resource_type: "doc",
  p_resource_id: "1",
  p_relation: "read",
  p_subject_type: "user",
  p_subject_id: "alice",
};
const tupleFields = [
  ["resource_type", "identifier"],
  ["relation", "identifier"],
  ["subject_type", "identifier"],
  ["resource_id", "id"],
  ["subject_id", "id"],
  ["namespace", "namespace"],
] as const;
const usersetFields = [...tupleFields, ["subject_relation", "identifier"]] as const;
const rule = { p_resource_type: "doc", p_permission: "write", p_implies: "read" };
const ruleFields = [
  ["resource_type", "identifier"],
  ["permission", "identifier"],
  ["implies", "identifier"],
  ["namespace", "namespace"],
] as const;
const question = {
  p_subject_type: "user",
  p_subject_id: "alice",
  p_resource_type: "doc",
  p_resource_id: "1",
};
const bulkCheck = {
  subject_type: "user",
  subject_id: "alice",
  permission: "read",
  resource_type: "doc",
  resource_id: "1",
};
const sight = {
  p_subject_type: "user",
  p_subject_id: "alice",
  p_resource_type: "doc",
  p_permission: "read",
};

const functions = {
  write_tuple: {
    valid: tuple,
    fields: usersetFields,
    method: (client, args) =>
      client.grant(text(args.p_relation), { ...target(args), expiresAt: date(args.p_expires_at) }),
  },
  write: { valid: tuple, fields: tupleFields },
  delete_tuple: {
    valid: tuple,
    fields: usersetFields,
    method: (client, args) => client.revoke(text(args.p_relation), target(args)),
  },
  delete: { valid: tuple, fields: tupleFields },
  add_hierarchy: {
    valid: rule,
    fields: ruleFields,
    method: (client, args) => client.addHierarchy(...hierarchyRule(args)),
  },
  remove_hierarchy: {
    valid: rule,
    fields: ruleFields,
    method: (client, args) => client.removeHierarchy(...hierarchyRule(args)),
  },
  clear_hierarchy: {
    valid: { p_resource_type: "doc" },
    fields: [
      ["resource_type", "identifier"],
      ["namespace", "namespace"],
    ],
    method: (client, args) => client.clearHierarchy(text(args.p_resource_type)),
  },
  set_tenant: { valid: { p_tenant_id: "acme" }, fields: [] },
  check: { valid: { ...question, p_permission: "read" }, fields: [] },
  check_any: {
    valid: { ...question, p_permissions: ["read"] },
    fields: [],
    method: (client, args) =>
      client.checkAny(subject(args), texts(args.p_permissions), resource(args)),
  },
  check_all: {
    valid: { ...question, p_permissions: ["read"] },
    fields: [],
    method: (client, args) =>
      client.checkAll(subject(args), texts(args.p_permissions), resource(args)),
  },
  check_bulk: {
    valid: { p_checks: JSON.stringify([bulkCheck]) },
    fields: [],
    method: (client, args) =>
      client.checkMany(
        (JSON.parse(text(args.p_checks)) as (typeof bulkCheck)[]).map((one) => ({
          subject: { type: one.subject_type, id: one.subject_id },
          permission: one.permission,
          resource: { type: one.resource_type, id: one.resource_id },
        })),
      ),
  },
  filter_authorized: {
    valid: {
      p_subject_type: "user",
      p_subject_id: "alice",
      p_resource_type: "doc",
      p_permission: "read",
      p_resource_ids: ["1"],
    },
    fields: [],
    method: (client, args) =>
      client.filterAuthorized(subject(args), "doc", "read", texts(args.p_resource_ids)),
  },
  list_permissions: { valid: question, fields: [] },
  list_resources: {
    valid: sight,
    fields: [],
    method: (client, args) =>
      client.listResources(subject(args), "doc", "read", { limit: args.p_limit as number }),
  },
  visible_ids: { valid: sight, fields: [] },
  visibility: { valid: sight, fields: [] },
  get_audit_events: {
    valid: {},
    fields: [],
    method: (client, args) =>
      client.getAuditEvents({
        ...(args.p_limit === undefined ? {} : { limit: args.p_limit as number }),
        ...(args.p_cursor === undefined ? {} : { before: text(args.p_cursor) }),
      }),
  },
  verify_integrity: { valid: {}, fields: [] },
  get_stats: { valid: {}, fields: [] },
  create_audit_partition: {
    valid: { p_year: 2026, p_month: 1 },
    fields: [],
    method: (client, args) =>
      client.createAuditPartition({ year: args.p_year as number, month: args.p_month as number }),
  },
  ensure_audit_partitions: {
    valid: {},
    fields: [],
    method: (client, args) =>
      client.ensureAuditPartitions({ monthsAhead: args.p_months_ahead as number }),
  },
  drop_audit_partitions: {
    valid: {},
    fields: [],
    method: (client, args) =>
      client.dropAuditPartitions({ olderThanMonths: args.p_older_than_months as number }),
  },
} as const satisfies Record<string, FunctionShape>;

/** The same table, with its methods where there are any. */
export const shapes: Readonly<Record<FunctionName, FunctionShape>> = functions;

/** Grants and rules that must be there before the cases, and stay as they are. */
export const groundwork = `
  select authz.write('team', 'b', 'member', 'team', 'a');
  select authz.write('team', 'c', 'member', 'team', 'b');
  select authz.write('folder', 'leaf', 'parent', 'folder', 'middle');
  select authz.write('folder', 'middle', 'parent', 'folder', 'root');
  select authz.write('team', 'café', 'member', 'team', 'bar');
  select authz.add_hierarchy('doc', 'owner', 'editor');
  select authz.add_hierarchy('doc', 'editor', 'viewer');
  insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id, expires_at)
  values ('acme', 'doc', 'ended', 'read', 'user', 'alice', '2000-01-01');
`;

const sqlstates = {
  NULL: "22004",
  EMPTY: "22026",
  TOO_LONG: "22001",
  FORMAT: "22023",
  INVALID_CHARS: "22023",
  WHITESPACE: "22023",
} as const;

const badTexts: readonly (readonly [
  what: string,
  value: string | null,
  end: keyof typeof sqlstates,
])[] = [
  ["null", null, "NULL"],
  ["empty", "", "EMPTY"],
  ["only spaces", "   ", "EMPTY"],
  ["1025 characters long", "a".repeat(1025), "TOO_LONG"],
];

const badIdentifiers: typeof badTexts = [
  ...badTexts,
  ["1025 characters long and ill-formed", "A".repeat(1025), "TOO_LONG"],
  ["in capitals", "Repo", "FORMAT"],
  ["beginning with a digit", "1repo", "FORMAT"],
  ["beginning with a hyphen", "-repo", "FORMAT"],
  ["with a space inside", "re po", "FORMAT"],
  ["with a space around", " repo", "FORMAT"],
  ["with a dot", "re.po", "FORMAT"],
  ["with a letter that is not ASCII", "dépôt", "FORMAT"],
  ["ending in a line feed", "repo\n", "FORMAT"],
  ["a tab", "\t", "FORMAT"],
];

const badIds: typeof badTexts = [
  ...badTexts,
  ["1025 characters beyond the basic plane long", "𝒳".repeat(1025), "TOO_LONG"],
  ...["\u0001", "\t", "\n", "\r", "\u001f", "\u007f", "\u0085", "\u2028", "\u2029"].map(
    (character) => [codePoint(character), `a${character}b`, "INVALID_CHARS"] as const,
  ),
  ["a lone tab", "\t", "INVALID_CHARS"],
  ["beginning with a space", " a", "WHITESPACE"],
  ["ending in a space", "a ", "WHITESPACE"],
  ["with a control character and a space around", " \u0001", "INVALID_CHARS"],
];

const badValues = { identifier: badIdentifiers, id: badIds, namespace: badIds } as const;
const prefixes = {
  identifier: "VAL_IDENTIFIER",
  id: "VAL_ID",
  namespace: "VAL_NAMESPACE",
} as const;

function fieldCases(): RefusalCase[] {
  return names().flatMap((name) =>
    shapes[name].fields.flatMap(([field, kind]) =>
      badValues[kind]
        // No subject_relation is a plain subject.
        .filter(([, value]) => field !== "subject_relation" || (value !== null && value !== ""))
        .map(([what, value, end]): RefusalCase => ({
          title: `${name}: a ${field} that is ${what}`,
          name,
          args: { ...shapes[name].valid, [`p_${field}`]: value },
          code: `${prefixes[kind]}_${end}` as AuthzErrorCode,
          sqlstate: sqlstates[end],
          message: new RegExp(`^${field} `),
          ...(kind === "namespace" && value === null
            ? { onlySql: "a client always has a namespace" }
            : {}),
        })),
    ),
  );
}

function tenantNameCases(): RefusalCase[] {
  return badIds.map(([what, value, end]) => ({
    title: `set_tenant: a tenant that is ${what}`,
    name: "set_tenant",
    args: { p_tenant_id: value },
    code: `VAL_NAMESPACE_${end}` as AuthzErrorCode,
    sqlstate: sqlstates[end],
    message: /^namespace /,
    onlySql: "a client sets the tenant with each call",
  }));
}

function nullNamespaceCases(): RefusalCase[] {
  const readers = [
    "check",
    "check_any",
    "check_all",
    "check_bulk",
    "filter_authorized",
    "list_permissions",
    "list_resources",
    "visible_ids",
    "visibility",
    "get_audit_events",
    "verify_integrity",
    "get_stats",
  ] as const;
  return readers.map((name) => ({
    title: `${name}: a namespace that is null`,
    name,
    args: { ...shapes[name].valid, p_namespace: null },
    code: "VAL_NAMESPACE_NULL",
    sqlstate: "22004",
    message: /^namespace is null$/,
    onlySql: "a client always has a namespace",
  }));
}

function tenantCases(): RefusalCase[] {
  const writers = names().filter((name) => shapes[name].fields.length > 0);
  const creators = ["write_tuple", "write", "add_hierarchy"] as const;
  return [
    ...writers.map((name): RefusalCase => ({
      title: `${name}: a write without a tenant`,
      name,
      args: shapes[name].valid,
      tenant: null,
      code: "BIZ_TENANT_NOT_SET",
      sqlstate: "42501",
      message: /^no tenant is set/,
      onlySql: "a client sets the tenant with each call",
    })),
    {
      title: "add_hierarchy: a rule that would hold for every tenant",
      name: "add_hierarchy",
      args: { ...rule, p_namespace: "global" },
      tenant: "global",
      code: "BIZ_GLOBAL_PROTECTED",
      sqlstate: "42501",
      message: /^rules of namespace global /,
    },
    ...creators.map((name): RefusalCase => ({
      title: `${name}: a namespace that is not the tenant`,
      name,
      args: { ...shapes[name].valid, p_namespace: "globex" },
      code: "BIZ_TENANT_MISMATCH",
      sqlstate: "42501",
      message: /^namespace is not the tenant/,
      onlySql: "a client sets the tenant with each call",
    })),
  ];
}

function keySizeCases(): RefusalCase[] {
  const long = "x".repeat(1000);
  const writes = (["write_tuple", "write"] as const).map((name): RefusalCase => ({
    title: `${name}: a key of 2601 bytes`,
    name,
    // acme, doc, read, user: 15 bytes
    args: { ...tuple, p_resource_id: `${long}é`, p_subject_id: "é".repeat(792) },
    code: "VAL_KEY_TOO_LONG",
    sqlstate: "22001",
    message: /2601 bytes, the most is 2600$/,
  }));
  return [
    ...writes,
    {
      title: "write_tuple: a key that is too long only with its subject_relation",
      name: "write_tuple",
      args: {
        ...tuple,
        p_resource_id: long,
        p_subject_id: long,
        p_subject_relation: "r".repeat(586),
      },
      code: "VAL_KEY_TOO_LONG",
      sqlstate: "22001",
      message: /2601 bytes, the most is 2600$/,
    },
    {
      title: "add_hierarchy: a key of 2601 bytes",
      name: "add_hierarchy",
      args: { p_resource_type: "a".repeat(597), p_permission: "p".repeat(1000), p_implies: long },
      code: "VAL_KEY_TOO_LONG",
      sqlstate: "22001",
      message: /2601 bytes, the most is 2600$/,
    },
  ];
}

function expirationCases(): RefusalCase[] {
  const past = new Date("2001-01-01T00:00:00Z");
  const refused = {
    code: "VAL_EXPIRATION_FUTURE",
    sqlstate: "23514",
    message: /^expires_at /,
  } as const;
  return [
    {
      title: "write_tuple: an end in the past",
      name: "write_tuple",
      args: { ...tuple, p_expires_at: past },
      ...refused,
    },
    {
      title: "write: an end in the past",
      name: "write",
      args: { ...tuple, p_expires_at: past },
      ...refused,
    },
    {
      title: "write_tuple: an end in the past for a grant that has ended",
      name: "write_tuple",
      args: { ...tuple, p_resource_id: "ended", p_expires_at: past },
      ...refused,
    },
    {
      title: "write_tuple: no end ever so long ago",
      name: "write_tuple",
      args: { ...tuple, p_expires_at: "-infinity" },
      ...refused,
      onlySql: "a Date is never infinite",
    },
  ];
}

function cycleCases(): RefusalCase[] {
  const edge = (name: FunctionName, parts: readonly [string, string, string, string, string]) => ({
    name,
    args: {
      p_resource_type: parts[0],
      p_resource_id: parts[1],
      p_relation: parts[2],
      p_subject_type: parts[3],
      p_subject_id: parts[4],
    },
    sqlstate: "PK001",
  });
  const rules = { name: "add_hierarchy", sqlstate: "PK001", message: /cycle/ } as const;
  return [
    ...(["write_tuple", "write"] as const).flatMap((name): RefusalCase[] => [
      {
        title: `${name}: a group as its own member`,
        ...edge(name, ["team", "a", "member", "team", "a"]),
        code: "BIZ_SELF_MEMBERSHIP",
        message: /member of itself/,
      },
      {
        title: `${name}: a group as its own member in another spelling`,
        ...edge(name, ["team", "caf\u00e9", "member", "team", "cafe\u0301"]),
        code: "BIZ_SELF_MEMBERSHIP",
        message: /member of itself/,
      },
      {
        title: `${name}: a group in one that it holds`,
        ...edge(name, ["team", "a", "member", "team", "c"]),
        code: "BIZ_CYCLE_GROUP",
        message: /cycle/,
      },
      {
        title: `${name}: a group in one that it holds, in another spelling`,
        ...edge(name, ["team", "bar", "member", "team", "cafe\u0301"]),
        code: "BIZ_CYCLE_GROUP",
        message: /cycle/,
      },
      {
        title: `${name}: a resource as its own parent`,
        ...edge(name, ["folder", "x", "parent", "folder", "x"]),
        code: "BIZ_SELF_PARENT",
        message: /own parent/,
      },
      {
        title: `${name}: a resource in one that it contains`,
        ...edge(name, ["folder", "root", "parent", "folder", "leaf"]),
        code: "BIZ_CYCLE_RESOURCE",
        message: /cycle/,
      },
    ]),
    {
      title: "write_tuple: a cycle through the holders of a relation",
      name: "write_tuple",
      args: {
        ...edge("write_tuple", ["team", "a", "member", "team", "c"]).args,
        p_subject_relation: "admin",
      },
      sqlstate: "PK001",
      code: "BIZ_CYCLE_GROUP",
      message: /cycle/,
    },
    {
      title: "add_hierarchy: a permission that implies itself",
      args: { p_resource_type: "doc", p_permission: "read", p_implies: "read" },
      code: "BIZ_CYCLE_SELF",
      ...rules,
    },
    {
      title: "add_hierarchy: a rule that closes a loop",
      args: { p_resource_type: "doc", p_permission: "viewer", p_implies: "owner" },
      code: "BIZ_CYCLE_HIERARCHY",
      ...rules,
    },
  ];
}

function sizeCases(): RefusalCase[] {
  const tooMany = Array.from({ length: 1001 }, (_, index) => `p${index}`);
  const notPositive = { code: "VAL_NOT_POSITIVE", sqlstate: "22023", message: /^limit / } as const;
  return [
    ...(["check_any", "check_all"] as const).map((name): RefusalCase => ({
      title: `${name}: 1001 permissions`,
      name,
      args: { ...shapes[name].valid, p_permissions: tooMany },
      code: "VAL_BATCH_TOO_LARGE",
      sqlstate: "22023",
      message: /^permissions has 1001 elements/,
    })),
    {
      title: "filter_authorized: 1001 ids",
      name: "filter_authorized",
      args: { ...shapes.filter_authorized.valid, p_resource_ids: tooMany },
      code: "VAL_BATCH_TOO_LARGE",
      sqlstate: "22023",
      message: /^resource_ids has 1001 elements/,
    },
    {
      title: "check_bulk: 1001 questions",
      name: "check_bulk",
      args: { p_checks: JSON.stringify(tooMany.map(() => bulkCheck)) },
      code: "VAL_BATCH_TOO_LARGE",
      sqlstate: "22023",
      message: /^checks has 1001 elements/,
    },
    ...[null, "{}", '"check"', "null"].map((checks): RefusalCase => ({
      title: `check_bulk: ${checks} instead of an array`,
      name: "check_bulk",
      args: { p_checks: checks },
      code: "VAL_BATCH_INVALID",
      sqlstate: "22023",
      message: /^checks must be an array/,
      onlySql: "the client is given an array",
    })),
    ...Object.keys(bulkCheck).flatMap((field) =>
      [undefined, null, 1].map((value): RefusalCase => ({
        title: `check_bulk: a question whose ${field} is ${value}`,
        name: "check_bulk",
        args: { p_checks: JSON.stringify([bulkCheck, { ...bulkCheck, [field]: value }]) },
        code: "VAL_ARRAY_ELEMENT_INVALID",
        sqlstate: "22023",
        message: new RegExp(`^checks\\[2\\] has no ${field}`),
        onlySql: "the client has its own words for a subject without a type",
      })),
    ),
    ...[1, "text", null, []].map((value): RefusalCase => ({
      title: `check_bulk: ${JSON.stringify(value)} as a question`,
      name: "check_bulk",
      args: { p_checks: JSON.stringify([value]) },
      code: "VAL_ARRAY_ELEMENT_INVALID",
      sqlstate: "22023",
      message: /^checks\[1\] has no /,
      onlySql: "the client has its own words for a subject without a type",
    })),
    ...[0, -1, null].map((limit): RefusalCase => ({
      title: `list_resources: a limit of ${limit}`,
      name: "list_resources",
      args: { ...sight, p_limit: limit },
      ...notPositive,
      ...(limit === null ? { onlySql: "undefined is the default" } : {}),
    })),
    {
      title: "list_resources: a limit of 1001",
      name: "list_resources",
      args: { ...sight, p_limit: 1001 },
      code: "VAL_LIMIT_TOO_LARGE",
      sqlstate: "22023",
      message: /^limit is 1001, the most is 1000$/,
    },
    {
      title: "get_audit_events: a limit of 0",
      name: "get_audit_events",
      args: { p_limit: 0 },
      ...notPositive,
    },
    {
      title: "get_audit_events: a limit of -1",
      name: "get_audit_events",
      args: { p_limit: -1 },
      ...notPositive,
    },
    {
      title: "get_audit_events: no limit",
      name: "get_audit_events",
      args: { p_limit: null },
      ...notPositive,
      onlySql: "undefined is the default",
    },
    {
      title: "get_audit_events: a limit of 1001",
      name: "get_audit_events",
      args: { p_limit: 1001 },
      code: "VAL_LIMIT_TOO_LARGE",
      sqlstate: "22023",
      message: /^limit is 1001/,
    },
    ...["", "x", "#", "bm90IGpzb24", "WzEsMl0", "e30", "W10", "WyIyMDI0LTAxLTAxIiwgbnVsbF0"].map(
      (cursor): RefusalCase => ({
        title: `get_audit_events: the cursor ${JSON.stringify(cursor)}`,
        name: "get_audit_events",
        args: { p_cursor: cursor },
        code: "VAL_CURSOR_INVALID",
        sqlstate: "22023",
        message: /^cursor /,
      }),
    ),
  ];
}

function monthCases(): RefusalCase[] {
  const shared = { sqlstate: "22023", role: "owner" } as const;
  const year = {
    ...shared,
    code: "VAL_YEAR_OUT_OF_RANGE",
    message: /^year must be from /,
  } as const;
  const month = { ...shared, code: "VAL_MONTH_OUT_OF_RANGE" } as const;
  const fields = [
    ["create_audit_partition", "month", [0, 13, -1]],
    ["ensure_audit_partitions", "months_ahead", [-1, 121]],
    ["drop_audit_partitions", "older_than_months", [-1, 1201]],
  ] as const;
  return [
    ...[1969, 10_000, -2026].map((value): RefusalCase => ({
      title: `create_audit_partition: the year ${value}`,
      name: "create_audit_partition",
      args: { p_year: value, p_month: 1 },
      ...year,
    })),
    {
      title: "create_audit_partition: no year",
      name: "create_audit_partition",
      args: { p_year: null, p_month: 1 },
      ...year,
      onlySql: "a client always has a year",
    },
    ...fields.flatMap(([name, field, values]) =>
      [...values, null].map((value): RefusalCase => ({
        title: `${name}: a ${field} that is ${value}`,
        name,
        args: { ...shapes[name].valid, [`p_${field}`]: value },
        message: new RegExp(`^${field} must be from `),
        ...month,
        ...(value === null ? { onlySql: "undefined is the default" } : {}),
      })),
    ),
  ];
}

/** All that authz refuses, each once. */
export const refusalCases: readonly RefusalCase[] = [
  ...fieldCases(),
  ...tenantNameCases(),
  ...nullNamespaceCases(),
  ...tenantCases(),
  ...keySizeCases(),
  ...expirationCases(),
  ...cycleCases(),
  ...sizeCases(),
  ...monthCases(),
];

function names(): FunctionName[] {
  return Object.keys(shapes) as FunctionName[];
}

function codePoint(character: string): string {
  return `with U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")} inside`;
}

/** The client is typed; a program in JavaScript gives it null all the same. */
function text(value: unknown): string {
  return value as string;
}

function texts(value: unknown): string[] {
  return value as string[];
}

function date(value: unknown): Date | undefined {
  return value as Date | undefined;
}

function resource(args: NamedArguments) {
  return { type: text(args.p_resource_type), id: text(args.p_resource_id) };
}

function subject(args: NamedArguments) {
  return { type: text(args.p_subject_type), id: text(args.p_subject_id) };
}

function target(args: NamedArguments) {
  const relation = args.p_subject_relation as string | undefined;
  return { resource: resource(args), subject: { ...subject(args), relation } };
}

function hierarchyRule(args: NamedArguments): [string, string, string] {
  return [text(args.p_resource_type), text(args.p_permission), text(args.p_implies)];
}
