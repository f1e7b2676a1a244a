import { once } from "node:events";
import { createServer } from "node:net";

/** A server that ends each session with the very packet that begins it, as one may that is told to while it is busy. */
export interface HastyServer extends AsyncDisposable {
  readonly url: string;
}

export async function startHastyServer(): Promise<HastyServer> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.end(Buffer.concat([authenticationOk, readyForQuery, terminated]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    url: `postgres://somebody@127.0.0.1:${port}/anything?sslmode=disable`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const authenticationOk = message("R", Buffer.alloc(4));
const readyForQuery = message("Z", Buffer.from("I"));
const terminated = message(
  "E",
  Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"),
);
