import { get, type RequestOptions } from "node:http";

const pingTimeoutMs = 800;

/** Whether a Docker engine answers. The container library would wait for one that is there but hangs. */
export function dockerAnswers(): Promise<boolean> {
  const target = engineAddress();
  if (!target) return Promise.resolve(false);
  return new Promise((resolve) => {
    const request = get({ ...target, path: "/_ping" }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    const giveUp = setTimeout(() => request.destroy(new Error("time is over")), pingTimeoutMs);
    request.once("close", () => clearTimeout(giveUp));
    request.once("error", () => resolve(false));
  });
}

function engineAddress(): RequestOptions | undefined {
  const address = process.env.DOCKER_HOST || defaultAddress();
  const { protocol, hostname, port, pathname } = new URL(address);
  if (protocol === "unix:") return { socketPath: pathname };
  if (protocol === "npipe:") return { socketPath: pathname.replaceAll("/", "\\") };
  if (protocol === "tcp:" || protocol === "http:") return { hostname, port: port || 2375 };
  return undefined;
}

function defaultAddress(): string {
  return process.platform === "win32"
    ? "npipe:////./pipe/docker_engine"
    : "unix:///var/run/docker.sock";
}
