import fc from "fast-check";

import type { End, Question, Rule, Tuple } from "./oracle.ts";

export const users = ["user:a", "user:b"];
const groups = ["team:a", "team:b", "team:c"];
const folders = ["folder:a", "folder:b", "folder:c"];
const docs = ["doc:a"];
export const permissions = ["read", "write"];
/** The one that is asked, with what must not be seen in it. */
export const asked = "one";
const namespaces = [asked, asked, asked, "two"];

/** All that moves can make a resource of, by type. */
export const resources = {
  doc: ["a"],
  folder: ["a", "b", "c"],
  team: ["a", "b", "c"],
  user: ["a", "b"],
};
export const subjects = [...users, "team:a", "team:b", "folder:a", "doc:a"];
export const askedPermissions = [...permissions, "member", "parent"];

export interface Sample {
  readonly subjects: readonly string[];
  readonly permissions: readonly string[];
}

/** Who is asked about what on every resource: enough for one graph, another part for the next. */
export const sample = fc.record<Sample>({
  subjects: fc.uniqueArray(fc.constantFrom(...subjects), { minLength: 2, maxLength: 2 }),
  permissions: fc.uniqueArray(fc.constantFrom(...askedPermissions), { minLength: 2, maxLength: 2 }),
});

export function questionsOf({ subjects: who, permissions: what }: Sample): Question[] {
  return who.flatMap((subject) =>
    Object.entries(resources).flatMap(([type, ids]) =>
      ids.flatMap((id) =>
        what.map((permission) => ({ subject, permission, resource: `${type}:${id}` })),
      ),
    ),
  );
}

/** `raw` writes what no function would: cycles, and ends in the past. */
export type Move = Tuple & { readonly way: "write" | "raw" | "delete" };

const end = fc.constantFrom<End>(undefined, undefined, "future", "past");
const subjectRelation = fc.constantFrom(undefined, undefined, "member", "member", "admin");
const way = fc.constantFrom<Move["way"]>("write", "write", "raw", "raw", "raw", "delete");
const namespace = fc.constantFrom(...namespaces);

function moves(resources: string[], relations: string[], subjects: string[]): fc.Arbitrary<Move> {
  return fc.record({
    way,
    namespace,
    resource: fc.constantFrom(...resources),
    relation: fc.constantFrom(...relations),
    subject: fc.constantFrom(...subjects),
    subjectRelation,
    end,
  });
}

/** One tuple, of those that meet each other often. */
export const move = fc.oneof(
  { weight: 3, arbitrary: moves(groups, ["member", "member", "admin"], [...users, ...groups]) },
  { weight: 2, arbitrary: moves([...folders, ...docs], ["parent"], folders) },
  { weight: 3, arbitrary: moves([...folders, ...docs], permissions, [...users, ...groups]) },
  // Whatever else may stand in the table.
  {
    weight: 1,
    arbitrary: moves(
      [...docs, ...groups, ...users],
      ["member", "parent", "read"],
      [...docs, ...folders, ...users],
    ),
  },
);

/** Moves, some of them made again later: edges go and come back. */
export const history = fc
  .tuple(
    fc.array(move, { minLength: 8, maxLength: 28 }),
    fc.array(fc.tuple(fc.nat(), way), { maxLength: 8 }),
  )
  .map(([first, again]) => [
    ...first,
    ...again.flatMap(([index, differently]) => {
      const chosen = first[index % first.length];
      return chosen === undefined ? [] : [{ ...chosen, way: differently }];
    }),
  ]);

export const rules = fc.uniqueArray(
  fc.record<Rule>({
    namespace: fc.constantFrom("one", "one", "two", "global"),
    type: fc.constantFrom("doc", "folder", "team"),
    permission: fc.constantFrom(...permissions, "parent"),
    implies: fc.constantFrom(...permissions, "member", "parent"),
  }),
  { maxLength: 6, selector: (rule) => JSON.stringify(rule) },
);
