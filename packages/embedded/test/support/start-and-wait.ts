// A program that starts a server with the options in its first argument, prints it, and waits for its death.
import { start } from "@postkit/embedded";

async function main(): Promise<void> {
  const server = await start(JSON.parse(process.argv[2] ?? "{}"));
  console.log(JSON.stringify(server));
  setInterval(() => {}, 60_000);
}

void main();
