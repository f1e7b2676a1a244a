import { int, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import { authzError } from "./errors.ts";
import { parsePrincipal, type SubjectInput } from "./references.ts";
import { raw, sqlFragment, type SqlFragment } from "./sql-fragment.ts";

export interface ResourcePage extends CallOptions {
  /** Ids on the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** Last id of the page before. */
  readonly cursor?: string | undefined;
}

export interface SqlFilterOptions {
  /** Who asks. */
  readonly subject: SubjectInput;
  readonly permission: string;
  /** The type of the resources that the rows are. */
  readonly type: string;
  /** The column with their ids, as it stands in the statement: `d.id`, `"Doc"."id"`. Never take it from a request. */
  readonly column: string;
  /**
   * The column's type. In `set` mode the ids are cast to it, not the column, so that its index is used; ids that are
   * no such value, which no row can have, are left out.
   *
   * @defaultValue `"text"`
   */
  readonly columnType?: ColumnType | undefined;
  /**
   * How to filter. `set` finds all visible ids first and looks only at their rows: best where a subject sees little of
   * the table. `probe` asks for each row that the rest of the statement comes by: best where it sees most of it and a
   * page ends the search early.
   */
  readonly mode: "set" | "probe";
}

export type ColumnType = "text" | "uuid" | "bigint" | "integer";

export interface Resources {
  /**
   * A page of the resources of a type on which a subject has a permission, those in containers among them.
   *
   * @example
   * const ids = await postkit.authz.listResources("user:alice", "doc", "read", { limit: 50 });
   * const more = await postkit.authz.listResources("user:alice", "doc", "read", { limit: 50, cursor: ids.at(-1) });
   *
   * @returns ids in byte order of their NFC form, as they were sent
   * @throws `authz.VAL_NOT_POSITIVE`, `authz.VAL_LIMIT_TOO_LARGE`
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the subject is not `type:id`
   * @throws `authz.VAL_ID_INVALID_CHARS` when the subject names the holders of a relation
   */
  listResources(
    subject: SubjectInput,
    resourceType: string,
    permission: string,
    page?: ResourcePage,
  ): Promise<string[]>;
  /**
   * All resources of a type on which a subject has a permission, page by page as they are asked for. `limit` is the
   * size of a page. Changes made meanwhile are seen from the next page on.
   *
   * @example
   * for await (const id of postkit.authz.iterateResources("user:alice", "doc", "read")) console.log(id);
   *
   * @throws as {@link Resources.listResources}
   */
  iterateResources(
    subject: SubjectInput,
    resourceType: string,
    permission: string,
    page?: ResourcePage,
  ): AsyncGenerator<string, void, undefined>;
  /**
   * A condition that keeps those rows of the application's own table which a subject may see, for the WHERE of its
   * own statement. It carries the tenant with it and sends nothing by itself.
   *
   * @example
   * const visible = postkit.authz.sqlFilter({
   *   subject: "user:alice",
   *   permission: "read",
   *   type: "doc",
   *   column: "d.id",
   *   columnType: "uuid",
   *   mode: "set",
   * });
   * // pg
   * const { text, values } = visible.toPg(2);
   * await pool.query(`select * from docs d where d.team = $1 and ${text} order by d.id limit 20`, ["eng", ...values]);
   * // Kysely, and Drizzle alike: sql(visible.strings, ...visible.values)
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the subject is not `type:id`, or the column not a column's name
   * @throws `authz.VAL_ID_INVALID_CHARS` when the subject names the holders of a relation
   */
  sqlFilter(options: SqlFilterOptions): SqlFragment;
}

export function resources(caller: Caller): Resources {
  const listResources: Resources["listResources"] = async (
    subject,
    resourceType,
    permission,
    { limit, cursor, ...options } = {},
  ) => {
    const { type: p_subject_type, id: p_subject_id } = parsePrincipal(subject);
    return caller.rows(
      "authz.list_resources",
      {
        p_subject_type,
        p_subject_id,
        p_resource_type: resourceType,
        p_permission: permission,
        p_limit: limit === undefined ? undefined : int(limit),
        p_cursor: cursor,
      },
      z.object({ resourceId: z.string() }).transform(({ resourceId }) => resourceId),
      options,
    );
  };
  return {
    listResources,
    async *iterateResources(subject, resourceType, permission, { limit = 100, ...page } = {}) {
      for (let cursor = page.cursor; ;) {
        const ids = await listResources(subject, resourceType, permission, {
          ...page,
          limit,
          cursor,
        });
        yield* ids;
        cursor = ids.at(-1);
        if (ids.length < limit) return;
      }
    },
    sqlFilter: (options) => sqlFilter(caller.namespace, options),
  };
}

function sqlFilter(
  namespace: string,
  { subject, permission, type, column, columnType = "text", mode }: SqlFilterOptions,
): SqlFragment {
  const { type: subjectType, id: subjectId } = parsePrincipal(subject);
  for (const [field, value] of Object.entries({ subject: subjectId, type, permission, column })) {
    if (typeof value !== "string") {
      throw authzError("VAL_IDENTIFIER_FORMAT", `${field} must be a text`);
    }
  }
  if (!columnName.test(column) || valueKeywords.has(column.toLowerCase())) {
    throw authzError(
      "VAL_IDENTIFIER_FORMAT",
      `column must be a column's name as SQL has it, not ${JSON.stringify(column)}`,
    );
  }
  if (!Object.hasOwn(casts, columnType)) {
    throw authzError(
      "VAL_IDENTIFIER_FORMAT",
      `columnType must be one of ${Object.keys(casts).join(", ")}`,
    );
  }
  const asked = sqlFragment`${subjectType}::text, ${subjectId}::text, ${type}::text, ${permission}::text, set_config('postkit.tenant_id', ${namespace}, true)`;
  switch (mode) {
    case "set":
      return sqlFragment`${raw(column)} = any (array(select ${raw(casts[columnType])} from unnest(authz.visible_ids(${asked})) v (id)))`;
    case "probe":
      return sqlFragment`authz.is_visible((select authz.visibility(${asked})), ${raw(column)}::text)`;
    default:
      throw authzError("VAL_IDENTIFIER_FORMAT", `mode must be "set" or "probe"`);
  }
}

/** A name, quoted or not, with its table and schema before it. */
const columnName = /^(?:(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\0]|"")+")(?:\.(?!$)|$)){1,3}$/;

/** What SQL takes for a value where a column's name could stand. */
const valueKeywords = new Set(
  "current_catalog current_date current_role current_schema current_time current_timestamp current_user default false localtime localtimestamp null session_user system_user true user".split(
    " ",
  ),
);

/**
 * Casts an id only when it is written as PostgreSQL writes such a value: another spelling of it is another resource,
 * and anything else would fail the whole statement.
 */
const casts: Record<ColumnType, string> = {
  text: "v.id",
  uuid: "case when v.id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then v.id::uuid end",
  bigint:
    "case when length(v.id) < 19 and v.id ~ '^(0|-?[1-9][0-9]*)$' then v.id::bigint when v.id ~ '^-?[1-9][0-9]{17,18}$' and v.id::numeric between -9223372036854775808 and 9223372036854775807 then v.id::bigint end",
  integer:
    "case when length(v.id) < 12 and v.id ~ '^(0|-?[1-9][0-9]*)$' and v.id::bigint between -2147483648 and 2147483647 then v.id::integer end",
};
