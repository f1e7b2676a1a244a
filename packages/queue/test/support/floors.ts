import type pg from "pg";

import type { Session } from "./session.ts";

/** A statement that moves the floors of all queues as far as they may be, however little that saves. */
export const advanceFloors = "select queue._advance_floors(interval '-1 second')";

/** Lets the owner of the schema move floors: the first time draws the line, the second moves them up to it. */
export async function advanceTwice(owner: Session): Promise<void> {
  await owner.query("set postkit.maintenance = 'on'");
  for (let count = 0; count < 2; count++) await owner.query(advanceFloors);
}

export interface HiddenJob {
  id: string;
  queue: string;
  rank: number;
  position: string;
}

/** Ready jobs that are outside the ranges of the newest floors of their queue, as of one moment. */
export async function hiddenJobs(superuser: pg.Pool | pg.PoolClient): Promise<HiddenJob[]> {
  const { rows } = await superuser.query<HiddenJob>(
    `select r.id, r.queue, r.rank, r.position
     from queue.ready r
     join (
       select distinct on (f.namespace, f.queue) f.*
       from queue.floors f
       order by f.namespace, f.queue, f.id desc
     ) f on f.namespace = r.namespace and f.queue = r.queue
     where not exists (
       select
       from unnest(f.from_ranks, f.from_positions, f.to_ranks, f.to_positions)
         g (from_rank, from_position, to_rank, to_position)
       where (r.rank, r.position) > (g.from_rank, g.from_position)
         and (r.rank, r.position) < (g.to_rank, g.to_position)
     )`,
  );
  return rows;
}
