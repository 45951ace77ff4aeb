// What other parties must confirm, and what they said (SPEC §14).

import { compareBytes, hex, sameBytes } from "./bytes.js";
import { decode, encode } from "./cbor.js";
import * as limits from "./limits.js";
import { isName, isTime } from "./names.js";
import { Refusal, refuse } from "./refusal.js";
import { isNormal } from "./request.js";
import { DISCHARGE, readSigned } from "./sign1.js";
import { NEED_NAMES, decodeExpression } from "./tree.js";

const wrong = (message) => refuse("malformed", message);
const isBytes = (value, size) => value instanceof Uint8Array && value.length === size;

const ENTRIES = ["by", "if", "of", "age", "standing"];

// The claim `need`: a list of { by: [thumbprint in hex], condition, of, age, standing }.
export function decodeNeeds(bytes) {
  const items = decode(bytes);
  if (!Array.isArray(items) || !items.length) wrong("no list of needs");
  if (items.length > limits.NEEDS) refuse("limit_exceeded", "too many needs");
  return items.map(decodeNeed);
}

function decodeNeed(item) {
  if (!(item instanceof Map)) wrong("no need");
  for (const key of item.keys()) if (!ENTRIES.includes(key)) refuse("unknown_claim", "an entry that needs do not have");
  const [by, condition, of, age = null, standing = false] = ENTRIES.map((name) => item.get(name));
  if (!Array.isArray(by) || !by.length) wrong("no keys");
  if (by.length > limits.NEED_KEYS) refuse("limit_exceeded", "too many keys");
  if (!by.every((key) => isBytes(key, 32))) wrong("no thumbprint");
  for (let i = 1; i < by.length; i++) {
    if (compareBytes(by[i - 1], by[i]) >= 0) refuse("not_canonical", "keys out of order");
  }
  if (condition === undefined) wrong("no condition");
  if (typeof of !== "bigint" || of < 1n || of > BigInt(by.length)) wrong("no number of keys");
  if (item.has("age") && !(isTime(age) && age >= 1n)) wrong("no age");
  if (item.has("standing") && standing !== true) wrong("`standing` is true or absent");
  return { by: by.map(hex), condition: decodeExpression(condition, NEED_NAMES), of: Number(of), age, standing };
}

// --- discharges ---

const CLAIMS = [1n, 4n, 6n, "to", "req", "last", "says"];

// What a discharge's payload says, or a refusal.
function readPayload(payload) {
  const claims = decode(payload);
  const invalid = (message) => refuse("discharge_invalid", message);
  if (!(claims instanceof Map)) invalid("claims that are no map");
  for (const key of claims.keys()) if (!CLAIMS.includes(key)) invalid("a claim that discharges do not have");
  const [name, expires, issued, to, req = null, last = null, says] = CLAIMS.map((key) => claims.get(key));
  if (typeof name !== "string" || !isName(name) || !isTime(expires) || !isTime(issued)) invalid("name or times");
  if (!Array.isArray(to) || to.length !== 2 || !isBytes(to[0], 32)) invalid("`to`");
  if (to[1] !== "fresh" && !(typeof to[1] === "bigint" && to[1] >= 0n && to[1] < BigInt(limits.NEEDS))) invalid("`to`");
  for (const [key, value] of [["req", req], ["last", last]]) { // prettier-ignore
    if (claims.has(key) && !isBytes(value, 32)) invalid(`\`${key}\``);
  }
  if (!(says instanceof Map) || !isValue(says, 1) || encode(says).length > limits.SAYS_BYTES) invalid("`says`");
  const isStaple = says.size === 1 && says.get("revoked") === false;
  if (to[1] === "fresh" && !isStaple) invalid("a staple that says something else");
  return { name, expires, issued, block: hex(to[0]), need: to[1], req, last, says };
}

// What a discharge says, its signature unchecked: all of it is claimed.
export function readDischarge(bytes) {
  const item = decode(bytes);
  if (!Array.isArray(item) || item.length !== 2 || item[0] !== 5n || !(item[1] instanceof Uint8Array)) wrong("no discharge");
  return readPayload(readSigned(item[1]).payload);
}

// Is this a value of SPEC §7.1 in normal form?
function isValue(value, depth) {
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return isNormal(value);
  if (depth > limits.REQUEST_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isValue(item, depth + 1));
  return [...value].every(([key, item]) => typeof key === "string" && isValue(item, depth + 1));
}

const ORDER = ["discharge_invalid", "discharge_unexpected", "revoked", "discharge_expired", "discharge_mismatch"];

// Judges the discharges of a presentation together (SPEC §14.2). `context`: the chain as it was verified, `parties` by
// their kid, `bounded` (is the age of revocation data?), and so on. Answers what holds: { party, hop, need, … } each.
export function judgeDischarges(bytesOfAll, context, holds) {
  const faults = [];
  const judged = [];
  bytesOfAll.forEach((bytes, i) => {
    try {
      judged.push(judge(bytes, i, context, holds));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      faults.push(error);
    }
  });
  // SPEC §14.2, step 10: among those of which all else holds.
  for (const [i, one] of judged.entries()) {
    const twin = judged.some((each, j) => j !== i && each.party === one.party && each.block === one.block && each.need === one.need);
    if (twin) faults.push(new Refusal("discharge_unexpected", "a second one by one key for one need", one.hop));
  }
  const rank = (fault) => ORDER.indexOf(fault.reason) * 100 + (fault.hop ?? -1);
  if (faults.length) throw faults.reduce((first, fault) => (rank(fault) < rank(first) ? fault : first));
  return judged;
}

function judge(bytes, i, context, holds) {
  const { chain, parties, bounded } = context;
  if (!bounded && !chain.blocks.some((block) => block.needs.length)) refuse("discharge_unexpected", "nothing asks for one");
  const signed = invalidUnless(() => {
    if (bytes.length > limits.DISCHARGE_BYTES) refuse("discharge_invalid", "too large");
    return readSigned(bytes);
  });
  if (signed.kid?.length !== 8) refuse("discharge_invalid", "no kid of 8 bytes");
  const party = parties.get(hex(signed.kid));
  if (!party) refuse("discharge_unexpected", "nobody has this kid");
  const asked = party.third && chain.blocks.some((block) => block.needs.some((need) => need.by.includes(party.key.id)));
  const fresh = party.revoker && bounded;
  if (!asked && !fresh) refuse("discharge_unexpected", "nobody asks this key");
  const { key } = party;
  const structure = signed.structure(DISCHARGE, key.thumbprint);
  if (signed.algorithm !== key.algorithm || !context.algorithms.has(key.algorithm)) refuse("discharge_invalid", "another algorithm");
  if (!holds(`discharge ${i}`, key, signed.signature, structure)) refuse("discharge_invalid", "the signature");
  const said = invalidUnless(() => readPayload(signed.payload));
  if (said.name !== party.name) refuse("discharge_invalid", "another name");
  const hop = place(said, party, context, fresh);
  const one = { ...said, party, hop, id: hex(signed.id(DISCHARGE, key.thumbprint)) };
  checkAgainst(one, context);
  return one;
}

function invalidUnless(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) refuse("discharge_invalid", error.message);
    throw error;
  }
}

// Step 6: what it is for. Answers the hop, null for a staple.
function place(said, party, { chain }, fresh) {
  if (said.need === "fresh") {
    if (!fresh) refuse("discharge_unexpected", "no staple that anything asks for");
    const last = chain.blocks[chain.blocks.length - 1];
    if (said.block !== last.id) refuse("discharge_mismatch", "a staple for another chain");
    return null;
  }
  const hop = chain.blocks.findIndex((block) => block.id === said.block);
  const need = hop < 0 ? undefined : chain.blocks[hop].needs[Number(said.need)];
  if (!need) refuse("discharge_mismatch", "no need of this chain");
  if (!party.third || !need.by.includes(party.key.id)) refuse("discharge_mismatch", "a need that does not name this key", hop);
  return hop;
}

// Steps 7 to 9.
function checkAgainst(one, { chain, now, leeway, revocations, revokers, request }) {
  const { party, hop } = one;
  const since = revocations?.since(party.key.id, [party.key.id, ...revokers]) ?? null;
  if (since !== null && since <= one.issued) refuse("revoked", "the key of a discharge was taken back", hop);
  const need = hop === null ? null : chain.blocks[hop].needs[Number(one.need)];
  const tooOld = need?.age !== null && need?.age !== undefined && now - one.issued > need.age;
  const ahead = one.issued > now + leeway;
  if (now >= one.expires || ahead || tooOld) refuse("discharge_expired", "over, too old, or from the future", hop);
  if (need && !need.standing && (one.req === null || one.last === null)) refuse("discharge_mismatch", "not for one request", hop);
  if (one.req !== null && !sameBytes(one.req, request.digest)) refuse("discharge_mismatch", "for another request", hop);
  const last = chain.blocks[chain.blocks.length - 1].id;
  if (one.last !== null && hex(one.last) !== last) refuse("discharge_mismatch", "for another chain", hop);
}
