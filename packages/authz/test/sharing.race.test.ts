import { authz } from "@postkit/authz";
import { createTestDatabase, race, type TestDatabase } from "@postkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { openSession, type Session } from "./support/session.ts";

const rounds = 20;

let db: TestDatabase;
let sessions: readonly Session[];

beforeAll(async () => {
  db = await createTestDatabase({ modules: [authz] });
});

afterAll(() => db.drop());

beforeEach(async () => {
  sessions = [
    await openSession(db.app, "globex"),
    await openSession(db.app, "home"),
    await openSession(db.app, "acme"),
  ];
  return async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  };
});

describe("leaving a share while its owner takes it back", () => {
  it.each([
    ["user:alice", "doc:1", "read"],
    ["team:eng", "team:guests", "member"],
  ])("by %s ends it once, with one event, and never in a deadlock", async (...parts) => {
    const [subject, resource, relation] = parts;
    const [globex, ...recipients] = sessions as [Session, Session, Session];
    const grant = { resource, relation, subject };
    const [subjectType, subjectId] = subject.split(":");
    const [resourceType, resourceId] = resource.split(":");
    for (const recipient of recipients) await recipient.useViewer(subject);
    for (let round = 0; round < rounds; round += 1) {
      const id = await globex.grant(grant);
      const answers = await race(3, (index) =>
        index === 0
          ? globex.revoke(grant)
          : recipients[index - 1]?.call<boolean>("leave_external_resource", {
              p_resource_type: resourceType,
              p_resource_id: resourceId,
              p_relation: relation,
              p_subject_type: subjectType,
              p_subject_id: subjectId,
              p_owner_namespace: "globex",
            }),
      );
      const values = answers.map((answer) =>
        answer.status === "fulfilled" ? answer.value : answer,
      );
      expect(values.toSorted((a, b) => Number(a) - Number(b))).toEqual([false, false, true]);
      const { rows } = await db.super.query(
        "select event_type from authz.audit_events where tuple_id = $1 and event_type = 'tuple_deleted'",
        [id],
      );
      expect(rows).toHaveLength(1);
    }
  });
});
