// Bundles entry.js into vendor.min.js, collects the licences of what went in, and records both hashes.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const result = await build({
  entryPoints: ["entry.js"],
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "vendor",
  target: "es2020",
  charset: "ascii",
  legalComments: "none",
  metafile: true,
  outfile: "vendor.min.js",
});
const inputs = Object.values(result.metafile.outputs)[0].inputs;
const packages = [...new Set(Object.keys(inputs)
  .filter((path) => inputs[path].bytesInOutput > 0)
  .map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1])
  .filter(Boolean))].sort();
const versions = {};
let licences = "The report page contains parts of these libraries (vendor.min.js).\n";
for (const name of packages) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file || !existsSync(`${folder}/${file}`)) throw new Error(`${name} has no licence file`);
  versions[name] = { version, license };
  licences += `\n${"-".repeat(72)}\n${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
}
writeFileSync("LICENSES.txt", licences);
const sha256 = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
const record = { "vendor.min.js": sha256("vendor.min.js"), "LICENSES.txt": sha256("LICENSES.txt"), packages: versions };
writeFileSync("vendor.json", `${JSON.stringify(record, null, 2)}\n`);
console.log(`${packages.length} packages, ${readFileSync("vendor.min.js").length} bytes`);
