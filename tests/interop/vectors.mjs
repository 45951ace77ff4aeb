// Runs the test vectors of `spec/vectors` against the JavaScript in `src/delegate/js`, and prints how many agree.
//
//     node tests/interop/vectors.mjs [--verbose]
//
// The exit status is 0 if all do.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { parseJson } from "../../src/delegate/js/json.js";
import { outcome } from "./vector.mjs";

const FOLDER = fileURLToPath(new URL("../../spec/vectors/", import.meta.url));
const verbose = process.argv.includes("--verbose");

let differ = 0;
// This verifier is given its roots, and reads no bundles of them.
const OTHERS = new Set(["root_bundles.json"]);

for (const name of readdirSync(FOLDER).sort().filter((each) => each.endsWith(".json") && !OTHERS.has(each))) {
  const vectors = parseJson(readFileSync(join(FOLDER, name), "utf8"));
  let agree = 0;
  for (const vector of vectors) {
    const { expected, answer } = await outcome(vector, verbose);
    if (answer === expected) agree++;
    else console.log(`  ${vector.get("name")}: expected ${expected}, came to ${answer} (${vector.get("comment")})`);
  }
  differ += vectors.length - agree;
  console.log(`${name}: ${agree} of ${vectors.length}`);
}
console.log(differ ? `${differ} vectors differ` : "all vectors agree");
process.exitCode = differ ? 1 : 0;
