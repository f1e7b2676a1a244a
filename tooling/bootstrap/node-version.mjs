/** Ends the process when this Node cannot run the tools: 20.19 and 22.12 are where `require()` of ESM came. */
export function requireSupportedNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const isSupported = major === 20 ? minor >= 19 : major === 22 ? minor >= 12 : major > 22;
  if (isSupported) return;
  console.error(
    `postkit: Node ${process.versions.node} is too old. Use Node 20.19 or later, or 22.12 or later (https://nodejs.org).`,
  );
  process.exit(1);
}
