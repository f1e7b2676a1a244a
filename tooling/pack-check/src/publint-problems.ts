import { publint } from "publint";
import { formatMessage } from "publint/utils";

import type { PackedPackage } from "./pack.ts";
import { readManifest } from "./public-packages.ts";

/** What publint has to say of the files that would be published, suggestions included. */
export async function publintProblems({ unpacked }: PackedPackage): Promise<string[]> {
  const { messages } = await publint({ pkgDir: unpacked, pack: false, strict: true });
  const manifest = readManifest(unpacked);
  return messages.map(
    (message) => `publint: ${formatMessage(message, manifest, { color: false }) ?? message.code}`,
  );
}
