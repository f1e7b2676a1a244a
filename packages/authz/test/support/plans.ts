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
  /** The nodes of all plans since the last look that read a table or an index. */
  takeScans(): PlanNode[];
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
  const plans: PlanNode[] = [];
  session.client.on("notice", ({ message = "" }) => {
    const start = message.indexOf("{");
    if (message.startsWith("duration:") && start > 0) {
      plans.push((JSON.parse(message.slice(start)) as Explained).Plan);
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
    takeScans: () => plans.splice(0).flatMap(nodesOf).filter(isScan),
    [Symbol.asyncDispose]: session[Symbol.asyncDispose],
  };
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function isScan(node: PlanNode): boolean {
  return node["Relation Name"] !== undefined || node["Index Name"] !== undefined;
}
