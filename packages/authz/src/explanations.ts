import { columns, type CallOptions, type Caller } from "@postkit/core";
import { z } from "zod";
import {
  parsePrincipal,
  parseResource,
  type ResourceInput,
  type SubjectInput,
} from "./references.ts";

const Thing = z.object({ type: z.string(), id: z.string() });

/** JSON has a `T` between day and time; without it years above 9999 are read as well. */
const moment = z.preprocess(
  (value) => (typeof value === "string" ? value.replace("T", " ") : value),
  columns.timestamptz.nullable(),
);

/** A stored grant: the resource's relation to the subject, and when it ends. */
export type ExplanationEdge = z.infer<typeof ExplanationEdge>;

const ExplanationEdge = z
  .object({
    resource: Thing,
    relation: z.string(),
    subject: Thing.extend({ relation: z.string().nullable() }).transform(
      ({ relation, ...subject }) => ({ ...subject, relation: relation ?? undefined }),
    ),
    expires_at: moment,
  })
  .transform(({ expires_at: expiresAt, ...edge }) => ({ ...edge, expiresAt }));

const way = {
  /** The grant that gives the permission. */
  grant: ExplanationEdge,
  /** From the subject to the group that the grant is to; empty for a grant to the subject itself. */
  memberships: z.array(ExplanationEdge),
  /** From the resource to the container that the grant is on; empty for a grant on the resource itself. */
  containers: z.array(ExplanationEdge),
  /** From the granted permission, over rules, to the one that was asked for. */
  permissions: z.array(z.string()),
};

/** One way in which a subject has a permission. */
export type ExplanationPath = z.infer<typeof ExplanationPath>;

const ExplanationPath = z
  .object({
    ...way,
    /** When the first of its edges ends; null for never. */
    expires_at: moment,
  })
  .transform(({ expires_at: expiresAt, ...path }) => ({ ...path, expiresAt }));

/** Why a way does not give its permission: an edge has ended, or it is to the holders of another relation. */
export type ExplanationObstacle = z.infer<typeof ExplanationObstacle>;

const ExplanationObstacle = z.discriminatedUnion("type", [
  z
    .object({ type: z.literal("expired"), edge: ExplanationEdge })
    .transform(({ type, edge }) => ({ type, edge })),
  z.object({
    type: z.literal("relation"),
    edge: ExplanationEdge,
    /** What the subject holds in place of `edge.subject.relation`. */
    held: z.string(),
  }),
]);

/** A way that would give the permission but for some obstacles. */
export type ExplanationNearMiss = z.infer<typeof ExplanationNearMiss>;

const ExplanationNearMiss = z.object({ ...way, obstacles: z.array(ExplanationObstacle) });

/** A decision as a tree. */
export type Explanation = z.infer<typeof Explanation>;

const Explanation = z
  .object({
    /** What `check` says. */
    allowed: z.boolean(),
    subject: Thing,
    permission: z.string(),
    resource: Thing,
    /** When access ends if nothing else changes: the latest end of all ways. Null for never, and when denied. */
    expires_at: moment,
    /** A way for each grant that gives the permission, the longest lasting first. */
    paths: z.array(ExplanationPath),
    /** What was looked at in vain; null when allowed. */
    denial: z
      .object({
        /** The permissions that would be enough. */
        relations: z.array(z.string()),
        /** The resource and the containers around it, the nearest first. */
        containers: z.array(Thing),
        /** What the subject holds on groups, itself and through groups, the nearest first. */
        memberships: z.array(Thing.extend({ relation: z.string() })),
        /** Ways that would give the permission but for some obstacles, those with the fewest first. */
        near_misses: z.array(ExplanationNearMiss),
      })
      .transform(({ near_misses: nearMisses, ...denial }) => ({ ...denial, nearMisses }))
      .nullable(),
    /** Whether a list had more than 100 elements, which are left out. */
    truncated: z.boolean(),
  })
  .transform(({ expires_at: expiresAt, ...explanation }) => ({ ...explanation, expiresAt }));

export interface Explanations {
  /**
   * Why a subject has a permission on a resource, as `check` decides it: a line for each grant that gives
   * it, which begins with `DIRECT:`, `GROUP:`, `HIERARCHY:` or `RESOURCE:`, else one that begins with `NO ACCESS:`.
   *
   * @example
   * for (const line of await postkit.authz.explain("user:alice", "read", "repo:api")) console.log(line);
   * // GROUP: user:alice is member of team:eng which has read on repo:api
   *
   * @throws as `check`
   */
  explain(
    subject: SubjectInput,
    permission: string,
    resource: ResourceInput,
    options?: CallOptions,
  ): Promise<string[]>;
  /**
   * The same decision as a tree: the ways that give the permission and the moment at which it will end, or what was
   * looked at and how near it came. Each grant is told once, by the way to it that lasts longest. No list has more than
   * 100 elements.
   *
   * @example
   * const { allowed, expiresAt, denial } = await postkit.authz.explainTree("user:alice", "read", "repo:api");
   * if (allowed) console.log("until", expiresAt ?? "revoked");
   * else console.log(denial?.nearMisses.flatMap(({ obstacles }) => obstacles));
   *
   * @throws as `check`
   */
  explainTree(
    subject: SubjectInput,
    permission: string,
    resource: ResourceInput,
    options?: CallOptions,
  ): Promise<Explanation>;
}

export function explanations(caller: Caller): Explanations {
  return {
    explain: async (subject, permission, resource, options) =>
      caller.rows(
        "authz.explain_text",
        questionArguments(subject, permission, resource),
        Line,
        options,
      ),
    explainTree: async (subject, permission, resource, options) =>
      caller.value(
        "authz.explain_json",
        questionArguments(subject, permission, resource),
        ExplanationJson,
        options,
      ),
  };
}

/** Some applications have pg give JSON as text. */
const ExplanationJson = z.preprocess(
  (value): unknown => (typeof value === "string" ? JSON.parse(value) : value),
  Explanation,
);

const Line = z.object({ r: z.string() }).transform(({ r: line }) => line);

function questionArguments(subject: SubjectInput, permission: string, resource: ResourceInput) {
  const { type: p_subject_type, id: p_subject_id } = parsePrincipal(subject);
  const { type: p_resource_type, id: p_resource_id } = parseResource(resource);
  return {
    p_subject_type,
    p_subject_id,
    p_permission: permission,
    p_resource_type,
    p_resource_id,
  };
}
