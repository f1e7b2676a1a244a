import { spawnSync } from "node:child_process";
import { chown } from "node:fs/promises";

/** The user and group "nobody", which exists in every Linux without being created. */
const nobody = 65_534;

/** How to run a program that refuses to run as root. */
export interface Identity {
  /** Goes before the command. */
  readonly prefix: readonly string[];
  /** Set when the program runs as this user for real, so that its files must belong to it. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

const unchanged: Identity = { prefix: [], uid: undefined, gid: undefined };
const insideUserNamespace: Identity = {
  prefix: ["unshare", "--user", `--map-user=${nobody}`, `--map-group=${nobody}`, "--"],
  uid: undefined,
  gid: undefined,
};
const asNobody: Identity = { prefix: [], uid: nobody, gid: nobody };

let identity: Identity | undefined;

/**
 * How this process runs programs that refuse root: as they are when it is not root; else in a user namespace, where
 * root's own files stay readable; else, where containers forbid namespaces, as the user nobody.
 */
export function unprivilegedIdentity(): Identity {
  identity ??= chooseIdentity();
  return identity;
}

/** Makes a file or folder of this process usable for such a program. */
export async function giveToUnprivileged(path: string): Promise<void> {
  const { uid, gid } = unprivilegedIdentity();
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}

function chooseIdentity(): Identity {
  if (process.getuid?.() !== 0) return unchanged;
  const [command = "", ...args] = insideUserNamespace.prefix;
  return spawnSync(command, [...args, "true"], { stdio: "ignore" }).status === 0
    ? insideUserNamespace
    : asNobody;
}
