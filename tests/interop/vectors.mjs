// Runs the test vectors of `spec/vectors` against the JavaScript in `src/delegate/js`, and prints how many agree.
//
//     node tests/interop/vectors.mjs [--verbose]
//
// The exit status is 0 if all do.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { hex, unhex } from "../../src/delegate/js/bytes.js";
import { bodyArguments, requestOfTarget, requestOfUrl } from "../../src/delegate/js/http.js";
import { parseJson } from "../../src/delegate/js/json.js";
import { Refusal } from "../../src/delegate/js/refusal.js";
import { readList } from "../../src/delegate/js/verifier.js";
import { decided, presentable, request } from "./vector.mjs";

const FOLDER = fileURLToPath(new URL("../../spec/vectors/", import.meta.url));
const verbose = process.argv.includes("--verbose");

const plain = (record) => {
  const { subject, time, why } = record;
  return [hex(subject), time, why];
};

function more(vector) {
  const body = unhex(vector.get("body") ?? "");
  const args = bodyArguments(vector.get("content_type") ?? null, vector.get("content_encoding") ?? null, body);
  return vector.has("upgrade") ? args.set("upgrade", vector.get("upgrade")) : args;
}

async function answerOf(vector) {
  if (vector.has("list")) {
    const list = await readList(presentable(vector.get("list")));
    const says = vector.get("says");
    const expected = says?.get("records").map((one) => [one.get("key") ?? one.get("block"), one.get("since") ?? one.get("until"), one.get("why") ?? null]);
    const found = [...list.keys, ...list.blocks].map(plain);
    const same = (a, b) => String(a) === String(b);
    const agrees =
      says &&
      list.issuer === says.get("issuer") &&
      list.key.id === says.get("signer") &&
      list.sequence === says.get("sequence") &&
      list.issued === says.get("issued") &&
      list.expires === says.get("expires") &&
      (same(expected, found) || same([...expected].sort(), [...found].sort()));
    return agrees ? "accept" : "another content";
  }
  if (!vector.has("roots")) {
    let made;
    if (vector.has("request")) made = request(vector.get("request"));
    else if (vector.has("url")) made = requestOfUrl(vector.get("method"), vector.get("url"));
    else made = requestOfTarget(vector.get("method"), vector.get("origin"), vector.get("target"), more(vector));
    const same = hex(made.digest) === vector.get("digest") && made.describe() === vector.get("description");
    return same ? "accept" : `another request: ${made.describe()}`;
  }
  await decided(vector);
  return "allow null";
}

let differ = 0;
for (const name of readdirSync(FOLDER).sort().filter((each) => each.endsWith(".json"))) {
  const vectors = parseJson(readFileSync(join(FOLDER, name), "utf8"));
  let agree = 0;
  for (const vector of vectors) {
    const decides = vector.has("roots");
    const expected = decides ? `${vector.get("expect")} ${vector.get("hop")}` : vector.get("expect");
    let answer;
    try {
      answer = await answerOf(vector);
    } catch (error) {
      if (error instanceof Refusal) answer = decides ? `${error.reason} ${error.hop}` : error.reason;
      else answer = `${error.name}: ${error.message}${verbose ? error.stack : ""}`;
    }
    if (answer === expected) agree++;
    else console.log(`  ${vector.get("name")}: expected ${expected}, came to ${answer} (${vector.get("comment")})`);
  }
  differ += vectors.length - agree;
  console.log(`${name}: ${agree} of ${vectors.length}`);
}
console.log(differ ? `${differ} vectors differ` : "all vectors agree");
process.exitCode = differ ? 1 : 0;
