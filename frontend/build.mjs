// Bundles the console into ../static/build: scripts with splitting, style sheets, the icon sprite, fonts.
// `node build.mjs` builds, `--watch` keeps building, `--tests` runs *.test.ts with node's own test runner.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, "..", "static");
const out = join(assets, "build");
const entries = join(here, "src", "entry");

/** One sprite of every icon, so that a row of buttons costs one reference each and no request. */
function sprite() {
  const folder = join(assets, "icons");
  const symbols = readdirSync(folder)
    .filter((name) => name.endsWith(".svg"))
    .sort()
    .map((name) => {
      const svg = readFileSync(join(folder, name), "utf8");
      const body = svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>"));
      return `<symbol id="${basename(name, ".svg")}" viewBox="0 0 24 24">${body.trim()}</symbol>`;
    });
  writeFileSync(
    join(out, "icons.svg"),
    `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`,
  );
}

/** What we ship of others comes with its terms. */
function licences() {
  const { dependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const texts = Object.keys(dependencies).map((name) => {
    const text = readFileSync(join(here, "node_modules", name, "LICENSE"), "utf8");
    return `${name} ${dependencies[name]}\n\n${text.trim()}\n`;
  });
  writeFileSync(join(out, "licences.txt"), texts.join(`\n${"-".repeat(72)}\n\n`));
}

const shared = { bundle: true, target: "es2022", logLevel: "warning", absWorkingDir: here };

/** What the browser loads. Entry names are fixed; chunks carry the hash of their content. */
const bundles = [
  {
    ...shared,
    entryPoints: readdirSync(entries).map((name) => join(entries, name)),
    outdir: out,
    format: "esm",
    splitting: true,
    minify: true,
    chunkNames: "chunk-[hash]",
    legalComments: "none",
  },
  {
    ...shared,
    entryPoints: { app: join(assets, "css", "app.css"), shell: join(assets, "css", "shell.css") },
    outdir: out,
    minify: true,
    assetNames: "[name]",
    loader: { ".woff2": "file" },
    legalComments: "none",
  },
];

async function build(watch) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  sprite();
  licences();
  for (const options of bundles) {
    if (watch) await (await esbuild.context({ ...options, logLevel: "info" })).watch();
    else await esbuild.build(options);
  }
}

/** Node 20 cannot run TypeScript: the tests are bundled first. */
async function tests() {
  const outdir = join(here, "node_modules", ".tests");
  rmSync(outdir, { recursive: true, force: true });
  const names = readdirSync(join(here, "src"), { recursive: true }).filter((name) =>
    name.endsWith(".test.ts"),
  );
  await esbuild.build({
    ...shared,
    entryPoints: names.map((name) => join(here, "src", name)),
    outdir,
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    sourcemap: "inline",
  });
  const files = names.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs")));
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
}

if (process.argv.includes("--tests")) await tests();
else await build(process.argv.includes("--watch"));
