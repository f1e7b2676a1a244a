import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { isCi, root } from "./environment.mjs";
import { withInstallLock } from "./install-lock.mjs";
import { capture, pnpm } from "./run.mjs";

const installStamp = join(root, "node_modules", ".postkit-install");
const bundleStamp = join(root, "node_modules", ".postkit-bundle");
const bundler = join(root, "tooling/sql/src/cli.ts");
const cannotFreeze =
  /ERR_PNPM_(OUTDATED_LOCKFILE|NO_LOCKFILE|LOCKFILE_CONFIG_MISMATCH|FROZEN_LOCKFILE)/;

/** Brings dependencies and generated sources up to date. When they are, this only reads. */
export async function prepare() {
  if (isInstalled() && isBundled()) return;
  await withInstallLock(async (alsoHeldBy) => {
    if (!isInstalled()) await install(alsoHeldBy);
    if (!isBundled()) await bundle();
  });
}

async function install(alsoHeldBy) {
  const startedAt = Date.now();
  console.error("postkit: installing dependencies");
  rmSync(installStamp, { force: true });
  // Under NODE_ENV=production pnpm would leave the tools out.
  const options = { env: { NODE_ENV: undefined }, onStart: (child) => alsoHeldBy(child.pid) };
  let result = await capture(...withOptions(pnpm(["install", "--frozen-lockfile"]), options));
  if (result.code !== 0 && !isCi && cannotFreeze.test(result.stdout + result.stderr)) {
    console.error("postkit: a manifest changed, so pnpm-lock.yaml is brought up to date");
    result = await capture(...withOptions(pnpm(["install", "--no-frozen-lockfile"]), options));
  }
  if (result.code !== 0) fail("pnpm install failed", result);
  writeFileSync(installStamp, fingerprint(installInputs()));
  console.error(`postkit: installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

function withOptions([command, args, options], more) {
  return [command, args, { ...options, ...more }];
}

/** Writes the git-ignored `*.gen.ts`, which hold the migrations' text. */
async function bundle() {
  const args = ["--conditions=@postkit/source", "--import", "tsx", bundler, "bundle"];
  const result = await capture(process.execPath, args);
  if (result.code !== 0) fail("the migrations could not be bundled", result);
  writeFileSync(bundleStamp, fingerprint(bundleFiles()));
}

function isInstalled() {
  return isStamped(installStamp, installInputs()) && packageFolders().every(hasItsModules);
}

function isBundled() {
  return !existsSync(bundler) || isStamped(bundleStamp, bundleFiles());
}

function isStamped(stamp, files) {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint(files);
}

function installInputs() {
  const manifests = ["", ...packageFolders()].map((folder) => join(folder, "package.json"));
  return [
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    ".npmrc",
    ...filesBelow("patches"),
    ...manifests,
  ];
}

function hasItsModules(folder) {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, folder, "package.json"), "utf8"),
  );
  return !(dependencies || devDependencies) || existsSync(join(root, folder, "node_modules"));
}

/** What the bundle is made of and what it makes: an edited or deleted result is made anew. */
function bundleFiles() {
  const generated = packageFolders().flatMap((folder) =>
    filesBelow(join(folder, "src")).filter((file) => file.endsWith(".gen.ts")),
  );
  const sql = packageFolders().flatMap((folder) => filesBelow(join(folder, "sql")));
  return [
    ...installInputs(),
    ...filesBelow("migrations"),
    ...filesBelow("tooling/sql/src"),
    ...sql,
    ...generated,
  ];
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

function packageFolders() {
  const workspace = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8");
  const parents = [...workspace.matchAll(/^ {2}- ["']?([\w-]+)\/\*/gm)].map((match) => match[1]);
  return parents
    .filter((parent) => existsSync(join(root, parent)))
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(parent, name)))
    .filter((folder) => existsSync(join(root, folder, "package.json")))
    .sort();
}

function fingerprint(files) {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  for (const file of files) {
    const path = join(root, file);
    const content = existsSync(path) ? readFileSync(path) : "";
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

function fail(what, { stdout, stderr }) {
  process.stderr.write(stdout + stderr);
  console.error(`postkit: ${what}`);
  process.exit(1);
}
