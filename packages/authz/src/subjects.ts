import { columns, int, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

/** One who has a permission: a user, a service, or a group without members. */
export type ListedSubject = z.infer<typeof ListedSubject>;

const ListedSubject = z
  .object({ subjectType: z.string(), subjectId: z.string() })
  .transform(({ subjectType, subjectId }) => ({ type: subjectType, id: subjectId }));

export interface SubjectQuery extends CallOptions {
  /** Only subjects of this type. */
  readonly subjectType?: string | undefined;
}

export interface SubjectPage extends SubjectQuery {
  /** Subjects on the page, 1 to 1000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** Last subject of the page before. */
  readonly cursor?: SubjectInput | undefined;
}

export interface Subjects {
  /**
   * A page of those who have a permission on a resource, as `check` would say, in byte order of type and id. A group
   * with members is left out for them, one without is listed itself. A page that is shorter than its limit is the last.
   *
   * @example
   * const page = await postkit.authz.listSubjects("read", "repo:api", { limit: 20 });
   * const next = await postkit.authz.listSubjects("read", "repo:api", { limit: 20, cursor: page.at(-1) });
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when resource or `cursor` is not `type:id`
   * @throws `authz.VAL_NOT_POSITIVE`, `authz.VAL_LIMIT_TOO_LARGE`; `core.VAL_ARGUMENT` for a `limit` that is not whole
   */
  listSubjects(
    permission: string,
    resource: ResourceInput,
    query?: SubjectPage,
  ): Promise<ListedSubject[]>;
  /**
   * All of them, one after the other, over as many pages of `limit` as it takes. Each page is a call of its own and sees
   * the grants of its time.
   *
   * @example
   * for await (const { type, id } of postkit.authz.iterateSubjects("read", "repo:api")) …
   *
   * @throws as {@link Subjects.listSubjects}, when the first page is asked for
   */
  iterateSubjects(
    permission: string,
    resource: ResourceInput,
    query?: SubjectPage,
  ): AsyncGenerator<ListedSubject, void, undefined>;
  /**
   * How many have a permission on a resource: as many as all pages have. It reads them all, so it takes longer the more
   * there are.
   *
   * @throws `authz.VAL_IDENTIFIER_FORMAT` when the resource is not `type:id`
   */
  countSubjects(permission: string, resource: ResourceInput, query?: SubjectQuery): Promise<number>;
}

export function subjects(caller: Caller): Subjects {
  const listSubjects: Subjects["listSubjects"] = async (
    permission,
    resource,
    { subjectType, limit, cursor, ...options } = {},
  ) => {
    const last = cursor === undefined ? undefined : parsePrincipal(cursor, "cursor");
    return caller.rows(
      "authz.list_subjects",
      {
        ...questionArguments(permission, resource),
        p_limit: limit === undefined ? undefined : int(limit),
        p_subject_type: subjectType,
        p_cursor_type: last?.type,
        p_cursor_id: last?.id,
      },
      ListedSubject,
      options,
    );
  };
  return {
    listSubjects,
    async *iterateSubjects(permission, resource, { limit = 100, cursor, ...query } = {}) {
      for (let last = cursor; ;) {
        const page = await listSubjects(permission, resource, { ...query, limit, cursor: last });
        yield* page;
        if (page.length < limit) return;
        last = page.at(-1);
      }
    },
    countSubjects: async (permission, resource, { subjectType, ...options } = {}) =>
      caller.value(
        "authz.count_subjects",
        { ...questionArguments(permission, resource), p_subject_type: subjectType },
        count,
        options,
      ),
  };
}

const count = columns.bigint.transform(Number);

function questionArguments(permission: string, input: ResourceInput) {
  const { type: p_resource_type, id: p_resource_id } = parseResource(input);
  return { p_resource_type, p_resource_id, p_permission: permission };
}
