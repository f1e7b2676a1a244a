import type { AuthzClient, AuthzErrorCode, DesiredGrant } from "@postkit/authz";

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
  /** `type:id`. @defaultValue none */
  readonly viewer?: string;
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
const toSubjects = { ...tuple, p_subject_id: undefined, p_subject_ids: ["alice", "bob"] };
const bulkSubjectsFields = tupleFields.filter(([name]) => name !== "subject_id");
const transfer = {
  p_resource_type: "doc",
  p_resource_id: "1",
  p_relation: "read",
  p_from_subject_type: "user",
  p_from_subject_id: "alice",
  p_to_subject_type: "user",
  p_to_subject_id: "bob",
};
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
const external = { p_subject_type: "user", p_subject_id: "alice", p_resource_type: "doc" };

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
  write_tuples_bulk: { valid: toSubjects, fields: bulkSubjectsFields },
  grant_to_subjects_bulk: {
    valid: {
      ...toSubjects,
      p_subject_type: undefined,
      p_subject_types: ["user", "user"],
      p_subject_relations: [null, null],
    },
    fields: bulkSubjectsFields.filter(([name]) => name !== "subject_type"),
    method: (client, args) =>
      client.grantToSubjects(text(args.p_relation), {
        resource: resource(args),
        subjects: texts(args.p_subject_ids).map((id, index) => ({
          type: text(texts(args.p_subject_types)[index]),
          id,
          relation: texts(args.p_subject_relations)[index],
        })),
      }),
  },
  grant_to_resources_bulk: {
    valid: { ...tuple, p_resource_id: undefined, p_resource_ids: ["1", "2"] },
    fields: usersetFields.filter(([name]) => name !== "resource_id"),
    method: (client, args) =>
      client.grantOnResources(text(args.p_relation), {
        resourceType: text(args.p_resource_type),
        resourceIds: texts(args.p_resource_ids),
        subject: target(args).subject,
      }),
  },
  transfer_tuple: {
    valid: transfer,
    fields: [
      ["resource_type", "identifier"],
      ["relation", "identifier"],
      ["from_subject_type", "identifier"],
      ["to_subject_type", "identifier"],
      ["resource_id", "id"],
      ["from_subject_id", "id"],
      ["to_subject_id", "id"],
      ["namespace", "namespace"],
    ],
    method: (client, args) =>
      client.transferGrant(text(args.p_relation), {
        resource: resource(args),
        from: { type: text(args.p_from_subject_type), id: text(args.p_from_subject_id) },
        to: { type: text(args.p_to_subject_type), id: text(args.p_to_subject_id) },
      }),
  },
  revoke_subject_grants: {
    valid: { p_subject_type: "user", p_subject_id: "alice" },
    fields: [
      ["subject_type", "identifier"],
      ["subject_id", "id"],
      ["namespace", "namespace"],
    ],
    method: (client, args) =>
      client.revokeSubjectGrants(
        subject(args),
        args.p_resource_type === undefined ? {} : { resourceType: text(args.p_resource_type) },
      ),
  },
  revoke_resource_grants: {
    valid: { p_resource_type: "doc", p_resource_id: "1" },
    fields: [
      ["resource_type", "identifier"],
      ["resource_id", "id"],
      ["namespace", "namespace"],
    ],
    method: (client, args) =>
      client.revokeResourceGrants(
        resource(args),
        args.p_relation === undefined ? {} : { permission: text(args.p_relation) },
      ),
  },
  sync_grants: {
    valid: { p_resource_type: "doc", p_resource_id: "1", p_desired: "[]" },
    fields: [
      ["resource_type", "identifier"],
      ["resource_id", "id"],
      ["namespace", "namespace"],
    ],
    method: (client, args) =>
      client.syncGrants(resource(args), desiredGrants(text(args.p_desired))),
  },
  set_expiration: {
    valid: { ...tuple, p_expires_at: new Date("2999-01-01T00:00:00Z") },
    fields: usersetFields,
    method: (client, args) =>
      client.setExpiration(text(args.p_relation), {
        ...target(args),
        expiresAt: date(args.p_expires_at) ?? null,
      }),
  },
  clear_expiration: {
    valid: tuple,
    fields: usersetFields,
    method: (client, args) => client.clearExpiration(text(args.p_relation), target(args)),
  },
  extend_expiration: {
    valid: { ...tuple, p_extension: "P1D" },
    fields: usersetFields,
    method: (client, args) =>
      client.extendExpiration(text(args.p_relation), {
        ...target(args),
        extension: text(args.p_extension),
      }),
  },
  cleanup_expired: {
    valid: {},
    fields: [["namespace", "namespace"]],
    method: (client) => client.cleanupExpired(),
  },
  list_expiring: {
    valid: {},
    fields: [],
    method: (client, args) => client.listExpiring({ within: args.p_within as string | undefined }),
  },
  set_hierarchy: {
    valid: { p_resource_type: "doc", p_permissions: ["write", "read"] },
    fields: ruleFields.filter(([name]) => name !== "permission" && name !== "implies"),
    method: (client, args) =>
      client.setHierarchy(text(args.p_resource_type), ...texts(args.p_permissions)),
  },
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
  list_subjects: {
    valid: { p_resource_type: "doc", p_resource_id: "1", p_permission: "read" },
    fields: [],
    method: (client, args) =>
      client.listSubjects(
        text(args.p_permission),
        resource(args),
        args.p_limit === undefined ? {} : { limit: args.p_limit as number },
      ),
  },
  count_subjects: {
    valid: { p_resource_type: "doc", p_resource_id: "1", p_permission: "read" },
    fields: [],
  },
  visible_ids: { valid: sight, fields: [] },
  visibility: { valid: sight, fields: [] },
  explain: { valid: { ...question, p_permission: "read" }, fields: [] },
  explain_text: { valid: { ...question, p_permission: "read" }, fields: [] },
  explain_json: { valid: { ...question, p_permission: "read" }, fields: [] },
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
  set_viewer: { valid: { p_viewer_type: "user", p_viewer_id: "alice" }, fields: [] },
  list_subject_grants: {
    valid: { p_subject_type: "user", p_subject_id: "alice" },
    fields: [],
    method: (client, args) =>
      client.listGrants(subject(args), { limit: args.p_limit as number | undefined }),
  },
  list_resource_grants: {
    valid: { p_resource_type: "doc", p_resource_id: "1" },
    fields: [],
    method: (client, args) =>
      client.listResourceGrants(resource(args), { limit: args.p_limit as number | undefined }),
  },
  list_external_resources: {
    valid: { ...external, p_permission: "read" },
    fields: [],
    method: (client, args) =>
      client.listExternalResources(
        subject(args),
        text(args.p_resource_type),
        text(args.p_permission),
        {
          ...(args.p_limit === undefined ? {} : { limit: args.p_limit as number }),
          ...(args.p_cursor === undefined ? {} : { cursor: text(args.p_cursor) }),
        },
      ),
  },
  leave_external_resource: {
    valid: { ...tuple, p_owner_namespace: "globex" },
    fields: [
      ...tupleFields.slice(0, -1),
      ["owner_namespace", "namespace"],
      ["namespace", "namespace"],
    ],
    method: (client, args) =>
      client.leaveExternalResource(text(args.p_relation), {
        ...target(args),
        ownerNamespace: text(args.p_owner_namespace),
      }),
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
  values ('acme', 'doc', 'ended', 'read', 'user', 'alice', '2000-01-01'),
    ('acme', 'doc', 'endless', 'read', 'user', 'alice', null),
    ('acme', 'doc', 'endmost', 'read', 'user', 'alice', '290000-01-01');
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
    "list_subjects",
    "count_subjects",
    "visible_ids",
    "visibility",
    "explain",
    "explain_text",
    "explain_json",
    "list_expiring",
    "get_audit_events",
    "verify_integrity",
    "get_stats",
    "list_subject_grants",
    "list_resource_grants",
    "list_external_resources",
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
  const creators = [
    "write_tuple",
    "write",
    "write_tuples_bulk",
    "grant_to_subjects_bulk",
    "grant_to_resources_bulk",
    "transfer_tuple",
    "sync_grants",
    "set_expiration",
    "clear_expiration",
    "extend_expiration",
    "add_hierarchy",
    "set_hierarchy",
  ] as const;
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
      title: "set_hierarchy: rules that would hold for every tenant",
      name: "set_hierarchy",
      args: { ...shapes.set_hierarchy.valid, p_namespace: "global" },
      tenant: "global",
      code: "BIZ_GLOBAL_PROTECTED",
      sqlstate: "42501",
      message: /^rules of namespace global /,
    },
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

function viewerCases(): RefusalCase[] {
  const setViewer = (field: "viewer_type" | "viewer_id") =>
    badValues[field === "viewer_id" ? "id" : "identifier"].map(
      ([what, value, end]): RefusalCase => ({
        title: `set_viewer: a ${field} that is ${what}`,
        name: "set_viewer",
        args: { ...shapes.set_viewer.valid, [`p_${field}`]: value },
        code: `${prefixes[field === "viewer_id" ? "id" : "identifier"]}_${end}` as AuthzErrorCode,
        sqlstate: sqlstates[end],
        message: new RegExp(`^${field} `),
        onlySql: "a client sets the viewer with each call",
      }),
    );
  const refused = {
    sqlstate: "42501",
    onlySql: "a client sets the viewer with each call",
  } as const;
  const others = ["user:bob", "team:alice", "user:ALICE", "user:alice ", "user:"];
  return [
    ...setViewer("viewer_type"),
    ...setViewer("viewer_id"),
    ...(["list_external_resources", "leave_external_resource"] as const).flatMap((name) => [
      {
        title: `${name}: no viewer`,
        name,
        args: shapes[name].valid,
        code: "BIZ_VIEWER_NOT_SET",
        message: /^no viewer is set/,
        ...refused,
      } as const,
      ...others.map((viewer): RefusalCase => ({
        title: `${name}: a subject that is not the viewer ${JSON.stringify(viewer)}`,
        name,
        args: shapes[name].valid,
        viewer,
        ...(viewer === "user:"
          ? { code: "BIZ_VIEWER_NOT_SET", message: /^no viewer is set/ }
          : { code: "BIZ_VIEWER_MISMATCH", message: /^subject is not the viewer/ }),
        ...refused,
      })),
    ]),
    {
      title: "list_external_resources: a subject that is null",
      name: "list_external_resources",
      args: { ...shapes.list_external_resources.valid, p_subject_id: null },
      viewer: "user:alice",
      code: "BIZ_VIEWER_MISMATCH",
      message: /^subject is not the viewer/,
      ...refused,
    },
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
    ...["1", "ended", "nothing"].map((id): RefusalCase => ({
      title: `set_expiration: an end in the past for doc:${id}`,
      name: "set_expiration",
      args: { ...tuple, p_resource_id: id, p_expires_at: past },
      ...refused,
    })),
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
    ...(["check_any", "check_all"] as const).map((name): RefusalCase => ({
      title: `${name}: an array of arrays`,
      name,
      args: { ...shapes[name].valid, p_permissions: [["read", "write"]] },
      code: "VAL_BATCH_INVALID",
      sqlstate: "22023",
      message: /^permissions must be a plain array/,
      onlySql: "the client takes texts alone",
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
    ...[0, -1, -(2 ** 31), null].map((limit): RefusalCase => ({
      title: `list_subjects: a limit of ${limit}, though there is nobody`,
      name: "list_subjects",
      args: { ...shapes.list_subjects.valid, p_resource_id: "none", p_limit: limit },
      ...notPositive,
      ...(limit === null ? { onlySql: "undefined is the default" } : {}),
    })),
    ...[1001, 2 ** 31 - 1].map((limit): RefusalCase => ({
      title: `list_subjects: a limit of ${limit}, though there is nobody`,
      name: "list_subjects",
      args: { ...shapes.list_subjects.valid, p_resource_id: "none", p_limit: limit },
      code: "VAL_LIMIT_TOO_LARGE",
      sqlstate: "22023",
      message: new RegExp(`^limit is ${limit}`),
    })),
    ...(
      [
        "get_audit_events",
        "list_subject_grants",
        "list_resource_grants",
        "list_external_resources",
      ] as const
    ).flatMap((name): RefusalCase[] => [
      {
        title: `${name}: a limit of 0`,
        name,
        args: { ...shapes[name].valid, p_limit: 0 },
        ...notPositive,
      },
      {
        title: `${name}: a limit of -1`,
        name,
        args: { ...shapes[name].valid, p_limit: -1 },
        ...notPositive,
      },
      {
        title: `${name}: a limit of 1001`,
        name,
        args: { ...shapes[name].valid, p_limit: 1001 },
        code: "VAL_LIMIT_TOO_LARGE",
        sqlstate: "22023",
        message: /^limit is 1001/,
      },
    ]),
    ...(["get_audit_events", "list_external_resources"] as const).map((name): RefusalCase => ({
      title: `${name}: no limit`,
      name,
      args: { ...shapes[name].valid, p_limit: null },
      ...notPositive,
      onlySql: "undefined is the default",
    })),
    ...[
      "",
      "x",
      "#",
      "bm90IGpzb24",
      "WzEsMl0",
      "e30",
      "W10",
      "WyIyMDI0LTAxLTAxIiwgbnVsbF0",
    ].flatMap((cursor) =>
      (["get_audit_events", "list_external_resources"] as const).map((name): RefusalCase => ({
        title: `${name}: the cursor ${JSON.stringify(cursor)}`,
        name,
        args: { ...shapes[name].valid, p_cursor: cursor },
        code: "VAL_CURSOR_INVALID",
        sqlstate: "22023",
        message: /^cursor /,
      })),
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

function optionalFieldCases(): RefusalCase[] {
  const optional = [
    ["revoke_subject_grants", "resource_type"],
    ["revoke_resource_grants", "relation"],
  ] as const;
  return optional.flatMap(([name, field]) =>
    badIdentifiers
      .filter(([, value]) => value !== null)
      .map(([what, value, end]): RefusalCase => ({
        title: `${name}: a ${field} that is ${what}`,
        name,
        args: { ...shapes[name].valid, [`p_${field}`]: value },
        code: `VAL_IDENTIFIER_${end}` as AuthzErrorCode,
        sqlstate: sqlstates[end],
        message: new RegExp(`^${field} `),
      })),
  );
}

/** Arrays of many: each by the functions that take it, as `[function, field, kind]`. */
const arrays = [
  ["write_tuples_bulk", "subject_ids", "id"],
  ["grant_to_subjects_bulk", "subject_types", "identifier"],
  ["grant_to_subjects_bulk", "subject_ids", "id"],
  ["grant_to_subjects_bulk", "subject_relations", "identifier"],
  ["grant_to_resources_bulk", "resource_ids", "id"],
  ["set_hierarchy", "permissions", "identifier"],
] as const;

function arrayCases(): RefusalCase[] {
  const elements = arrays.flatMap(([name, field, kind]) =>
    badValues[kind]
      // No relation of a subject is the subject itself.
      .filter(([, value]) => field !== "subject_relations" || (value !== null && value !== ""))
      .map(([what, value]): RefusalCase => {
        const [first] = shapes[name].valid[`p_${field}`] as string[];
        return {
          title: `${name}: ${field} with one that is ${what}`,
          name,
          args: { ...shapes[name].valid, [`p_${field}`]: [first, value] },
          code: "VAL_ARRAY_ELEMENT_INVALID",
          sqlstate: "22023",
          message: new RegExp(`^${field}\\[2\\] `),
        };
      }),
  );
  const sizes = arrays.map(([name, field]): RefusalCase => {
    const many = Object.entries(shapes[name].valid).map(([parameter, value]) => [
      parameter,
      Array.isArray(value) ? Array.from({ length: 1001 }, () => value[0] as unknown) : value,
    ]);
    return {
      title: `${name}: 1001 ${field}`,
      name,
      args: Object.fromEntries(many) as NamedArguments,
      code: "VAL_BATCH_TOO_LARGE",
      sqlstate: "22023",
      message: / has 1001 elements/,
    };
  });
  const lengths = [
    { p_subject_types: ["user"] },
    { p_subject_types: null },
    { p_subject_ids: null },
    { p_subject_relations: [null] },
  ].map((part): RefusalCase => ({
    title: `grant_to_subjects_bulk: arrays that differ in length, ${JSON.stringify(part)}`,
    name: "grant_to_subjects_bulk",
    args: { ...shapes.grant_to_subjects_bulk.valid, ...part },
    code: "VAL_BATCH_INVALID",
    sqlstate: "22023",
    message: /not of one length/,
    onlySql: "a client takes subjects, not parts of them",
  }));
  return [...elements, ...sizes, ...lengths];
}

function bulkCases(): RefusalCase[] {
  const long = "x".repeat(1000);
  const bulk = ["write_tuples_bulk", "grant_to_subjects_bulk", "grant_to_resources_bulk"] as const;
  const types = { p_subject_type: "team", p_subject_types: ["user", "team"] };
  return bulk.flatMap((name): RefusalCase[] => {
    const { valid } = shapes[name];
    const groups = Object.fromEntries(
      Object.entries(types).filter(([parameter]) => valid[parameter] !== undefined),
    );
    const none = Object.fromEntries(
      Object.entries(valid)
        .filter(([, value]) => Array.isArray(value))
        .map(([parameter]) => [parameter, []]),
    );
    return [
      {
        title: `${name}: groups as members of a group`,
        name,
        args: { ...valid, ...groups, p_resource_type: "team", p_relation: "member" },
        code: "BIZ_BULK_GROUP_MEMBERSHIP",
        sqlstate: "0A000",
        message: /not in bulk$/,
      },
      {
        title: `${name}: parents`,
        name,
        args: { ...valid, p_relation: "parent" },
        code: "BIZ_BULK_PARENT_RELATION",
        sqlstate: "0A000",
        message: /not in bulk$/,
      },
      {
        title: `${name}: parents, none of them`,
        name,
        args: { ...valid, ...none, p_relation: "parent" },
        code: "BIZ_BULK_PARENT_RELATION",
        sqlstate: "0A000",
        message: /not in bulk$/,
      },
      {
        title: `${name}: a key that is too long`,
        name,
        args: {
          ...valid,
          p_relation: "r".repeat(1000),
          ...(name === "grant_to_resources_bulk"
            ? { p_resource_ids: ["1", long], p_subject_id: long }
            : { p_resource_id: long, p_subject_ids: ["alice", long] }),
        },
        code: "VAL_KEY_TOO_LONG",
        sqlstate: "22001",
        message: /the most is 2600$/,
      },
    ];
  });
}

function syncCases(): RefusalCase[] {
  const grant = { relation: "read", subject_type: "user", subject_id: "alice" };
  const invalid = "VAL_ARRAY_ELEMENT_INVALID";
  const onlySql = "a client sends no such thing";
  const refuse = (
    what: string,
    desired: unknown,
    code: AuthzErrorCode,
    message: RegExp,
    more: Partial<RefusalCase> = {},
  ): RefusalCase => ({
    title: `sync_grants: ${what}`,
    name: "sync_grants",
    args: { ...shapes.sync_grants.valid, p_desired: JSON.stringify(desired) },
    code,
    sqlstate: "22023",
    message,
    ...more,
  });
  const fields = [
    ["relation", "identifier"],
    ["subject_type", "identifier"],
    ["subject_id", "id"],
    ["subject_relation", "identifier"],
  ] as const;
  return [
    ...fields.flatMap(([field, kind]) =>
      badValues[kind]
        .filter(([, value]) => field !== "subject_relation" || (value !== null && value !== ""))
        .map(([what, value]) =>
          refuse(
            `a ${field} that is ${what}`,
            [grant, { ...grant, [field]: value }],
            invalid,
            new RegExp(`^desired\\[2\\]\\.${field} `),
          ),
        ),
    ),
    refuse("no list", null, "VAL_BATCH_INVALID", /^desired must be an array/, {
      args: { ...shapes.sync_grants.valid, p_desired: null },
    }),
    refuse("an object for a list", {}, "VAL_BATCH_INVALID", /^desired must be an array/, {
      onlySql,
    }),
    refuse("a text in the list", ["read"], invalid, /^desired\[1\] is not an object/, { onlySql }),
    refuse("null in the list", [grant, null], invalid, /^desired\[2\] is not an object/, {
      onlySql,
    }),
    refuse(
      "a misspelt key",
      [{ ...grant, expire_at: "2999-01-01" }],
      invalid,
      /^desired\[1\] has a key that no grant has/,
      { onlySql },
    ),
    refuse(
      "a number for a text",
      [{ ...grant, subject_id: 42 }],
      invalid,
      /^desired\[1\]\.subject_id is not a text/,
    ),
    refuse("a grant without its parts", [{}], invalid, /^desired\[1\]\.relation is null/, {
      onlySql,
    }),
    ...["soon", "2999-13-01", "2999-01-01 00:00 Nowhere/Town", "999999-01-01"].map((expires) =>
      refuse(
        `an end that is ${expires}`,
        [{ ...grant, expires_at: expires }],
        invalid,
        /^desired\[1\]\.expires_at is not a time/,
        { onlySql: "a Date is always a time" },
      ),
    ),
    refuse(
      "an end in the past",
      [grant, { ...grant, relation: "write", expires_at: "2001-01-01T00:00:00Z" }],
      "VAL_EXPIRATION_FUTURE",
      /^desired\[2\]\.expires_at must be in the future/,
      { sqlstate: "23514" },
    ),
    refuse(
      "one grant with two ends",
      [grant, { ...grant, expires_at: "2999-01-01T00:00:00Z" }],
      invalid,
      /^desired has one grant twice/,
    ),
    refuse(
      "1001 grants",
      Array.from({ length: 1001 }, (_, index) => ({ ...grant, subject_id: `u${index}` })),
      "VAL_BATCH_TOO_LARGE",
      /^desired has 1001 elements/,
    ),
    refuse(
      "a parent",
      [grant, { relation: "parent", subject_type: "folder", subject_id: "x" }],
      "BIZ_BULK_PARENT_RELATION",
      /not in bulk$/,
      { sqlstate: "0A000" },
    ),
    refuse(
      "a key that is too long",
      [{ ...grant, relation: "r".repeat(1024), subject_id: "x".repeat(1024) }],
      "VAL_KEY_TOO_LONG",
      /the most is 2600$/,
      {
        sqlstate: "22001",
        args: {
          p_resource_type: "doc",
          p_resource_id: "x".repeat(1024),
          p_desired: JSON.stringify([
            { ...grant, relation: "r".repeat(1024), subject_id: "x".repeat(1024) },
          ]),
        },
      },
    ),
    ...(
      [
        ["a", "BIZ_SELF_MEMBERSHIP", /member of itself/],
        ["c", "BIZ_CYCLE_GROUP", /cycle/],
      ] as const
    ).map(([member, code, message]) =>
      refuse(`the group ${member} in the group a`, [], code, message, {
        sqlstate: "PK001",
        args: {
          p_resource_type: "team",
          p_resource_id: "a",
          p_desired: JSON.stringify([
            { relation: "member", subject_type: "user", subject_id: "alice" },
            { relation: "member", subject_type: "team", subject_id: member },
          ]),
        },
      }),
    ),
  ];
}

function transferCases(): RefusalCase[] {
  const refuse = (
    what: string,
    args: NamedArguments,
    code: AuthzErrorCode,
    message: RegExp,
    sqlstate = "PK001",
  ): RefusalCase => ({
    title: `transfer_tuple: ${what}`,
    name: "transfer_tuple",
    args: { ...transfer, ...args },
    code,
    sqlstate,
    message,
  });
  const team = (from: string, to: string) => ({
    p_resource_type: "team",
    p_resource_id: "b",
    p_relation: "member",
    p_from_subject_type: "team",
    p_from_subject_id: from,
    p_to_subject_type: "team",
    p_to_subject_id: to,
  });
  const folder = (to: string) => ({
    p_resource_type: "folder",
    p_resource_id: "middle",
    p_relation: "parent",
    p_from_subject_type: "folder",
    p_from_subject_id: "root",
    p_to_subject_type: "folder",
    p_to_subject_id: to,
  });
  return [
    refuse("a membership to the group itself", team("a", "b"), "BIZ_SELF_MEMBERSHIP", /itself/),
    refuse("a membership to a group around it", team("a", "c"), "BIZ_CYCLE_GROUP", /cycle/),
    refuse("a parent to the resource itself", folder("middle"), "BIZ_SELF_PARENT", /own parent/),
    refuse("a parent to a resource inside it", folder("leaf"), "BIZ_CYCLE_RESOURCE", /cycle/),
    refuse(
      "a key that is too long for the new subject",
      {
        p_resource_id: "x".repeat(1000),
        p_relation: "r".repeat(1000),
        p_to_subject_id: "x".repeat(1000),
      },
      "VAL_KEY_TOO_LONG",
      /the most is 2600$/,
      "22001",
    ),
  ];
}

function setHierarchyCases(): RefusalCase[] {
  const refuse = (
    what: string,
    permissions: string[],
    code: AuthzErrorCode,
    message: RegExp,
    sqlstate = "PK001",
  ): RefusalCase => ({
    title: `set_hierarchy: ${what}`,
    name: "set_hierarchy",
    args: { p_resource_type: "doc", p_permissions: permissions },
    code,
    sqlstate,
    message,
  });
  return [
    refuse("a permission twice in a row", ["admin", "read", "read"], "BIZ_CYCLE_SELF", /cycle/),
    refuse("a permission twice", ["admin", "write", "admin"], "BIZ_CYCLE_HIERARCHY", /cycle/),
    refuse("a loop with a rule", ["admin", "viewer", "owner"], "BIZ_CYCLE_HIERARCHY", /cycle/),
    {
      title: "set_hierarchy: a key that is too long",
      name: "set_hierarchy",
      args: {
        p_resource_type: "t".repeat(1000),
        p_permissions: ["admin", "write", "a".repeat(1000), "b".repeat(1000)],
      },
      code: "VAL_KEY_TOO_LONG",
      sqlstate: "22001",
      message: /the most is 2600$/,
    },
  ];
}

function intervalCases(): RefusalCase[] {
  const refuse = (
    name: "extend_expiration" | "list_expiring",
    value: string | null,
    code: AuthzErrorCode,
  ): RefusalCase => {
    const field = name === "extend_expiration" ? "extension" : "within";
    return {
      title: `${name}: ${field} of ${value ?? "null"}`,
      name,
      args: { ...shapes[name].valid, [`p_${field}`]: value },
      code,
      sqlstate: "22023",
      message: new RegExp(`^${field} `),
    };
  };
  const both = (["extend_expiration", "list_expiring"] as const).flatMap((name) => [
    refuse(name, null, "VAL_INTERVAL_NOT_POSITIVE"),
    refuse(name, "PT0S", "VAL_INTERVAL_NOT_POSITIVE"),
    refuse(name, "PT-1S", "VAL_INTERVAL_NOT_POSITIVE"),
    refuse(name, "P1M-30D", "VAL_INTERVAL_NOT_POSITIVE"),
    refuse(name, "P10001Y", "VAL_INTERVAL_TOO_LARGE"),
    refuse(name, "P170000000Y", "VAL_INTERVAL_TOO_LARGE"),
  ]);
  return [
    ...both,
    {
      title: "extend_expiration: no such grant",
      name: "extend_expiration",
      args: { ...shapes.extend_expiration.valid, p_resource_id: "nothing" },
      code: "DATA_GRANT_NOT_FOUND",
      sqlstate: "P0002",
      message: /^there is no such grant/,
    },
    {
      title: "extend_expiration: a grant without end",
      name: "extend_expiration",
      args: { ...shapes.extend_expiration.valid, p_resource_id: "endless" },
      code: "BIZ_GRANT_NO_EXPIRATION",
      sqlstate: "22023",
      message: /no end/,
    },
    {
      title: "extend_expiration: a grant that ends almost with the calendar",
      name: "extend_expiration",
      args: { ...shapes.extend_expiration.valid, p_resource_id: "endmost" },
      code: "VAL_INTERVAL_TOO_LARGE",
      sqlstate: "22023",
      message: /^extension /,
    },
  ];
}

/** All that authz refuses, each once. */
export const refusalCases: readonly RefusalCase[] = [
  ...fieldCases(),
  ...tenantNameCases(),
  ...nullNamespaceCases(),
  ...tenantCases(),
  ...viewerCases(),
  ...keySizeCases(),
  ...expirationCases(),
  ...cycleCases(),
  ...sizeCases(),
  ...monthCases(),
  ...optionalFieldCases(),
  ...arrayCases(),
  ...bulkCases(),
  ...syncCases(),
  ...transferCases(),
  ...setHierarchyCases(),
  ...intervalCases(),
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

function desiredGrants(json: string | null): DesiredGrant[] {
  const grants = JSON.parse(json ?? "null") as Record<string, string>[] | null;
  if (grants === null) return grants as unknown as DesiredGrant[];
  return grants.map((grant) => ({
    relation: text(grant["relation"]),
    subject: {
      type: text(grant["subject_type"]),
      id: text(grant["subject_id"]),
      relation: grant["subject_relation"],
    },
    expiresAt: grant["expires_at"] === undefined ? undefined : new Date(grant["expires_at"]),
  }));
}

function hierarchyRule(args: NamedArguments): [string, string, string] {
  return [text(args.p_resource_type), text(args.p_permission), text(args.p_implies)];
}
