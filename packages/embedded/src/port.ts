import { connect, createServer } from "node:net";

const host = "127.0.0.1";
const probeTimeoutMs = 2_000;
/** The protocol's SSLRequest: length 8, code 80877103. Any PostgreSQL answers it with one byte, before any login. */
const sslRequest: Uint8Array = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

/** A loopback port that was free a moment ago. Whoever uses it must be ready to ask again. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object"
          ? resolve(address.port)
          : reject(new Error("no port")),
      );
    });
  });
}

/** Whether something on the loopback port speaks PostgreSQL's protocol. */
export function answersPostgres(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: probeTimeoutMs });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => socket.write(sslRequest));
    socket.once("data", (bytes) => settle(bytes[0] === 0x4e || bytes[0] === 0x53)); // 'N' or 'S'
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}
