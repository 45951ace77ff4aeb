// One vector of those that are decided (`spec/vectors/README.md`), as a verifier and an answer.

import { hex, unhex } from "../../src/delegate/js/bytes.js";
import { bodyArguments, requestOfTarget, requestOfUrl } from "../../src/delegate/js/http.js";
import { Refusal } from "../../src/delegate/js/refusal.js";
import { Request } from "../../src/delegate/js/request.js";
import { RevocationStore, Verifier, readList } from "../../src/delegate/js/verifier.js";

// Byte strings stand as `{"base16": …}`.
function values(item) {
  if (Array.isArray(item)) return item.map(values);
  if (!(item instanceof Map)) return item;
  if (item.size === 1 && item.has("base16")) return unhex(item.get("base16"));
  return new Map([...item].map(([key, value]) => [key, values(value)]));
}

export const presentable = (text) => (text.startsWith("hex:") ? unhex(text.slice(4)) : text);
export const request = (item) => new Request(item.get("action"), item.get("resource") ?? null, values(item.get("args") ?? new Map()));

// What binds a body, and a change of protocol.
function more(vector) {
  const body = unhex(vector.get("body") ?? "");
  const args = bodyArguments(vector.get("content_type") ?? null, vector.get("content_encoding") ?? null, body);
  return vector.has("upgrade") ? args.set("upgrade", vector.get("upgrade")) : args;
}

const principal = (item) => ({ name: item.get("name"), key: item.get("key") });
const entry = (item) => ({ ...principal(item), who: item.get("who") ?? new Map(), acts: item.get("acts") ?? true });
const root = (item) => ({
  ...principal(item),
  speaksFor: item.get("speaks_for"),
  tenants: item.get("tenants"),
  can: item.get("can"),
  notBefore: item.get("not_before"),
  notAfter: item.get("not_after"),
});

async function verifierOf(vector) {
  const settings = vector.get("verifier");
  const known = ["bearer", "policy", "principals", "algorithms", "max_lifetime", "leeway", "proof_window", "limits"];
  known.push("revokers", "third_parties", "max_revocation_age", "ledger", "directory", "require_known");
  for (const name of settings.keys()) if (!known.includes(name)) throw new Error(`no such setting: ${name}`);
  const revocations = vector.has("revocations") ? new RevocationStore() : null;
  for (const list of vector.get("revocations") ?? []) revocations.add(await readList(presentable(list)));
  const bounds = settings.get("limits") ?? new Map();
  const limits = {};
  if (bounds.has("blocks")) limits.blocks = Number(bounds.get("blocks"));
  if (bounds.has("evaluation_steps")) limits.steps = Number(bounds.get("evaluation_steps"));
  return new Verifier({
    audience: vector.get("audience"),
    tenant: vector.get("tenant"),
    roots: vector.get("roots").map(root),
    bearer: settings.get("bearer"),
    policy: settings.get("policy"),
    principals: settings.get("principals")?.map(principal),
    directory: settings.get("directory")?.map(entry),
    requireKnown: settings.get("require_known"),
    algorithms: settings.get("algorithms"),
    maxLifetime: settings.get("max_lifetime"),
    leeway: settings.get("leeway"),
    proofWindow: settings.get("proof_window"),
    limits,
    revokers: settings.get("revokers")?.map(principal),
    thirdParties: settings.get("third_parties")?.map(principal),
    maxRevocationAge: settings.get("max_revocation_age"),
    ledger: settings.get("ledger"),
    revocations,
  });
}

export async function decided(vector) {
  const verifier = await verifierOf(vector);
  const now = vector.get("now");
  if (vector.has("token") && vector.get("request") === null) return verifier.check(presentable(vector.get("token")), { now });
  const context = { now, env: values(vector.get("env")), cost: vector.get("cost") ?? new Map() };
  const asked = request(vector.get("request"));
  for (const text of vector.get("before") ?? []) await verifier.decide(presentable(text), asked, context).catch(refusalOnly);
  const shown = presentable(vector.get("presentation") ?? vector.get("token"));
  for (let i = 1n; i < (vector.get("times") ?? 1n); i++) await verifier.decide(shown, asked, context).catch(refusalOnly);
  return verifier.decide(shown, asked, context);
}

function refusalOnly(error) {
  if (!(error instanceof Refusal)) throw error;
}

const plain = (record) => {
  const { subject, time, why } = record;
  return [hex(subject), time, why];
};

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

// What is expected of a vector, and what it came to.
export async function outcome(vector, verbose = false) {
  const decides = vector.has("roots");
  const expected = decides ? `${vector.get("expect")} ${vector.get("hop")}` : vector.get("expect");
  try {
    return { expected, answer: await answerOf(vector) };
  } catch (error) {
    if (error instanceof Refusal) return { expected, answer: decides ? `${error.reason} ${error.hop}` : error.reason };
    return { expected, answer: `${error.name}: ${error.message}${verbose ? error.stack : ""}` };
  }
}
