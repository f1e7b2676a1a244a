/**
 * What authz is to answer, written from its specification for graphs small enough to try everything: no index, no
 * depth, no order. It shares nothing with the SQL.
 */
export interface Tuple {
  readonly namespace: string;
  /** `type:id` */
  readonly resource: string;
  readonly relation: string;
  /** `type:id` */
  readonly subject: string;
  /** Only holders of this relation on the subject; undefined for the subject itself. */
  readonly subjectRelation: string | undefined;
  readonly end: End;
}

export type End = "past" | "future" | undefined;

export interface Rule {
  readonly namespace: string;
  readonly type: string;
  readonly permission: string;
  readonly implies: string;
}

export interface Graph {
  readonly tuples: readonly Tuple[];
  readonly rules: readonly Rule[];
}

export interface Question {
  readonly subject: string;
  readonly permission: string;
  readonly resource: string;
}

/** Whether a subject has a permission on a resource of one namespace. */
export function decide(
  graph: Graph,
  namespace: string,
  { subject, permission, resource }: Question,
): boolean {
  const live = graph.tuples.filter(
    (tuple) => tuple.namespace === namespace && tuple.end !== "past",
  );
  const enough = permissionsThatGive(graph.rules, namespace, typeOf(resource), permission);
  const around = containersOf(live, resource);
  const admits = admission(live, subject);
  return live.some(
    (tuple) => around.has(tuple.resource) && enough.has(tuple.relation) && admits(tuple),
  );
}

/** Whether a tuple is for this subject: itself, or as one who holds something on the tuple's subject. */
function admission(live: readonly Tuple[], subject: string): (tuple: Tuple) => boolean {
  /** What the subject is to each group, as "group relation". */
  const held = new Set<string>();
  const isHeld = ({ subject: group, subjectRelation }: Tuple) =>
    subjectRelation === undefined
      ? [...held].some((holding) => holding.startsWith(`${group} `))
      : held.has(`${group} ${subjectRelation}`);
  const isHimself = (tuple: Tuple) =>
    tuple.subject === subject && tuple.subjectRelation === undefined;
  saturate(held, () =>
    live
      .filter(({ relation }) => relation !== "parent")
      .filter((tuple) => isHimself(tuple) || (tuple.relation === "member" && isHeld(tuple)))
      .map((tuple) => `${tuple.resource} ${tuple.relation}`),
  );
  return (tuple) => isHimself(tuple) || isHeld(tuple);
}

function containersOf(live: readonly Tuple[], resource: string): Set<string> {
  const around = new Set([resource]);
  saturate(around, () =>
    live
      .filter(
        (tuple) =>
          tuple.relation === "parent" &&
          tuple.subjectRelation === undefined &&
          around.has(tuple.resource),
      )
      .map((tuple) => tuple.subject),
  );
  return around;
}

/** `parent` is structure: no permission gives it, it gives none. */
function permissionsThatGive(
  rules: readonly Rule[],
  namespace: string,
  type: string,
  permission: string,
): Set<string> {
  const enough = new Set([permission]);
  saturate(enough, () =>
    rules
      .filter(
        (rule) =>
          (rule.namespace === namespace || rule.namespace === "global") && rule.type === type,
      )
      .filter(
        (rule) =>
          enough.has(rule.implies) && rule.implies !== "parent" && rule.permission !== "parent",
      )
      .map((rule) => rule.permission),
  );
  enough.delete("parent");
  return enough;
}

/** Whether the new edge would put a group, or a resource, inside itself; an edge that has ended still counts. */
export function closesCycle(tuples: readonly Tuple[], edge: Tuple): boolean {
  const edges = tuples.filter(
    ({ namespace, relation }) => namespace === edge.namespace && relation === edge.relation,
  );
  if (edge.relation === "parent") {
    const below = new Set([edge.resource]);
    saturate(below, () =>
      edges.filter((tuple) => below.has(tuple.subject)).map((tuple) => tuple.resource),
    );
    return below.has(edge.subject);
  }
  const above = new Set([edge.resource]);
  const groupEdges = edges.filter(({ subject }) => !subject.startsWith("user:"));
  saturate(above, () =>
    groupEdges.filter((tuple) => above.has(tuple.subject)).map((tuple) => tuple.resource),
  );
  return above.has(edge.subject);
}

/** Adds what follows until nothing new does. */
function saturate(found: Set<string>, next: () => readonly string[]): void {
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const one of next()) found.add(one);
  }
}

function typeOf(reference: string): string {
  return reference.slice(0, reference.indexOf(":"));
}
