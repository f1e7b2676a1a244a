import type { TestDatabase } from "@postkit/testkit";

import { openSession, type Session } from "./session.ts";

/** One node of a plan as EXPLAIN gives it. */
export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

interface Explained {
  readonly "Query Text": string;
  readonly Plan: PlanNode;
}

/** A session whose statements, those inside functions included, tell how they were carried out. */
export interface ExplainedSession extends Session {
  /** The plans since the last look, in the order in which they ended. */
  takePlans(): Explained[];
}

/**
 * Opens a session that acts as the application role, bound by row level security, with plans that fit every value of
 * their parameters. Only a superuser may load the library that shows the plans of statements inside functions.
 */
export async function openExplainedSession(
  db: TestDatabase,
  tenant: string,
): Promise<ExplainedSession> {
  const session = await openSession(db.super, tenant);
  const plans: Explained[] = [];
  session.client.on("notice", ({ message = "" }) => {
    const start = message.indexOf("{");
    if (message.startsWith("duration:") && start > 0) {
      plans.push(JSON.parse(message.slice(start)) as Explained);
    }
  });
  await session.query(`
    load 'auto_explain';
    set auto_explain.log_level = 'notice';
    set auto_explain.log_format = 'json';
    set auto_explain.log_nested_statements = on;
    set auto_explain.log_analyze = on;
    set auto_explain.log_timing = off;
    set plan_cache_mode = 'force_generic_plan';
    set auto_explain.log_min_duration = 0;
    set role ${db.appRole};
  `);
  plans.length = 0;
  return {
    ...session,
    takePlans: () => plans.splice(0),
    [Symbol.asyncDispose]: session[Symbol.asyncDispose],
  };
}

/** How many pages a statement looked at, with all that the functions in it did. */
export async function pagesOf(session: Session, statement: string): Promise<number> {
  const { rows } = await session.query<{ "QUERY PLAN": [{ Plan: Pages }] }>(
    `explain (analyze, buffers, timing off, format json) ${statement}`,
  );
  const pages = rows[0]?.["QUERY PLAN"][0].Plan;
  if (!pages) throw new Error("There is no plan.");
  return pages["Shared Hit Blocks"] + pages["Shared Read Blocks"];
}

interface Pages {
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
}

export function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** How many rows a node gave and threw away, in all its loops. */
export function rowsOf(node: PlanNode): number {
  const loops = node["Actual Loops"] ?? 1;
  return Math.round(((node["Actual Rows"] ?? 0) + (node["Rows Removed by Filter"] ?? 0)) * loops);
}
