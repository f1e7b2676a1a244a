const sslRequestCode = 80_877_103;
const gssRequestCode = 80_877_104;
const cancelRequestCode = 80_877_102;
/** The server's own limit. What looks longer is encrypted. */
const startupBytesMax = 10_000;

/** What a client has sent, read off the wire. */
export interface FrontendMessages {
  /** How many of each type: `Q` (query), `P` (parse), `B` (bind), `E` (execute), `S` (sync), … */
  readonly counts: Map<string, number>;
  /** The text of every `Q` and `P`, in order. */
  readonly statements: string[];
}

/**
 * Reads the frontend side of PostgreSQL's protocol on one connection that is not encrypted.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function createFrontendReader(messages: FrontendMessages): (bytes: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  let startedUp = false;
  let readable = true;
  return (bytes) => {
    if (!readable) return;
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      const header = startedUp ? 1 : 0;
      if (pending.length < header + 4) return;
      const length = header + pending.readInt32BE(header);
      readable = startedUp || length <= startupBytesMax;
      if (!readable) return;
      if (pending.length < length) return;
      const message = pending.subarray(0, length);
      pending = pending.subarray(length);
      if (startedUp) note(messages, message);
      else startedUp = isStartup(message);
    }
  };
}

/** The first messages of a connection have no type; requests for encryption may come before the real start. */
function isStartup(message: Buffer): boolean {
  return ![sslRequestCode, gssRequestCode, cancelRequestCode].includes(message.readInt32BE(4));
}

function note({ counts, statements }: FrontendMessages, message: Buffer): void {
  const type = message.toString("latin1", 0, 1);
  counts.set(type, (counts.get(type) ?? 0) + 1);
  const fields = message.subarray(5);
  if (type === "Q") statements.push(cString(fields));
  if (type === "P") statements.push(cString(fields.subarray(fields.indexOf(0) + 1)));
}

function cString(bytes: Buffer): string {
  return bytes.toString("utf8", 0, bytes.indexOf(0));
}
