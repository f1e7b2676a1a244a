import { authz } from "@postkit/authz";
import type { Bench } from "@postkit/bench";
import { createPostkit, migrate } from "@postkit/core";

const users = 1_000;
const documents = 100;

/** Calls through the client against the cheapest statement on the same pool: what Postkit adds to a round trip. */
export const bench: Bench = {
  name: "authz.check through the client",
  async prepare(database) {
    await migrate(database.owner, { modules: [authz], grantTo: [database.appRole] });
    await database.super.query(
      `insert into authz.tuples (namespace, resource_type, resource_id, relation, subject_type, subject_id)
       select 'acme', 'doc', 'd' || d, 'read', 'user', 'u' || u
       from generate_series(1, $1::int) d, generate_series(1, $2::int) u`,
      [documents, users],
    );
    await database.super.query("vacuum analyze authz.tuples");
    const postkit = createPostkit({ db: database.app, namespace: "acme", modules: { authz } });
    const prepared = createPostkit({
      db: database.app,
      namespace: "acme",
      modules: { authz },
      prepare: true,
    });
    const audited = postkit.withActor({ actorId: "user:admin", requestId: "r1", reason: "bench" });
    const someone = () => `user:u${Math.ceil(Math.random() * users)}`;
    const something = () => `doc:d${Math.ceil(Math.random() * documents)}`;
    const baseline = "select $1::int";
    return {
      shapes: [
        { name: baseline, run: () => database.app.query("select $1::int", [1]) },
        {
          name: "check, direct grant, yes",
          baseline,
          ratioMax: 1.6,
          run: () => postkit.authz.check(someone(), "read", something()),
        },
        {
          name: "the same, prepare: true",
          baseline,
          run: () => prepared.authz.check(someone(), "read", something()),
        },
        {
          name: "the same, with an actor",
          baseline,
          run: () => audited.authz.check(someone(), "read", something()),
        },
        {
          name: "check, no grant",
          baseline,
          run: () => postkit.authz.check("user:nobody", "read", something()),
        },
      ],
      close: () => postkit.close(),
    };
  },
};
