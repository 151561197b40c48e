// Bundles every spec into node_modules/.specs: Node 20 cannot run TypeScript. What comes from npm stays where it
// is and is loaded from there. The Rust tests in ../integration run the bundles, each against its own server.
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "node_modules", ".specs");
const specs = readdirSync(join(here, "specs")).filter((name) => name.endsWith(".ts"));

rmSync(outdir, { recursive: true, force: true });
await esbuild.build({
  absWorkingDir: here,
  bundle: true,
  entryPoints: specs.map((name) => join(here, "specs", name)),
  format: "esm",
  logLevel: "warning",
  outdir,
  outExtension: { ".js": ".mjs" },
  packages: "external",
  platform: "node",
  sourcemap: "inline",
  target: "es2022",
});
