// Revocation lists: reading one, taking it over, and which records count (SPEC §10.2).

import { characters, compareBytes, hex, sameBytes, startsWithBytes } from "./bytes.js";
import { Reader, decode, encode } from "./cbor.js";
import { keyFromCose } from "./keys.js";
import * as limits from "./limits.js";
import { isName, isPlain, isTime } from "./names.js";
import { Refusal, refuse } from "./refusal.js";
import { LONG, REVOCATION_LIST, readSigned } from "./sign1.js";
import { fromText } from "./text_form.js";

const wrong = (message) => refuse("malformed", message);

const MAP = 0xa0;
const FIRST_CLAIMS = 5;
const MOST_ITEMS = 64;

// Reads a list as far as it can be told without its signature, then asks `holds(key, signature, message)` for that.
export function readRevocationList(presented, holds) {
  const bytes = typeof presented === "string" ? fromText(presented, [6]).bytes : presented;
  if (bytes.length > limits.REVOCATIONS_BYTES) refuse("limit_exceeded", "a list is too large");
  const signed = readSigned(envelope(bytes), { long: true });
  if (signed.kid === null || signed.kid.length !== 32) wrong("no kid of 32 bytes");
  const { claims, rest } = firstClaims(signed.payload);
  const cnf = claims.get(8n);
  if (!(cnf instanceof Map) || cnf.size !== 1 || !(cnf.get(1n) instanceof Map)) wrong("no cnf");
  // The payload is deterministic: so is the key, encoded again.
  const key = keyFromCose(encode(cnf.get(1n)));
  if (!sameBytes(key.thumbprint, signed.kid)) wrong("the key is not that of the header");
  if (key.algorithm !== signed.algorithm) refuse("unsupported_algorithm", "not the key's algorithm");
  if (!holds(key, signed.signature, signed.structure(REVOCATION_LIST, key.thumbprint))) refuse("bad_signature", "the signature");
  if (rest) readRecords(rest, claims);
  return { key, ...readListClaims(claims) };
}

// All claims; of a long payload the first five, and a reader that stands behind them.
function firstClaims(payload) {
  if (payload.length <= LONG) {
    const claims = decode(payload);
    return claims instanceof Map ? { claims, rest: null } : wrong("claims that are no map");
  }
  const count = payload[0] - MAP;
  if (count < FIRST_CLAIMS || count > FIRST_CLAIMS + 2) wrong("claims that are no map of a list");
  const rest = new Reader(payload);
  rest.at = 1;
  rest.itemsLeft = MOST_ITEMS;
  const claims = rest.map(FIRST_CLAIMS, 1);
  rest.itemsLeft = Infinity;
  rest.arrays = count - FIRST_CLAIMS;
  return rest.at < payload.length ? { claims, rest } : wrong("a map that is shorter than it says");
}

// The arrays of a long payload: nothing but records in their one encoding.
function readRecords(rest, claims) {
  const names = ["keys", "blocks"];
  try {
    for (let i = 0; i < rest.arrays; i++) {
      const name = rest.item(2);
      const place = names.indexOf(name);
      if (place < 0) wrong("another claim, or one twice");
      names.splice(0, place + 1);
      claims.set(name, rest.arrayOf(limits.REVOCATIONS, readRecord));
    }
  } catch (error) {
    if (error instanceof Refusal && error.reason !== "limit_exceeded") wrong(error.message);
    throw error;
  }
  if (rest.at !== rest.bytes.length) wrong("bytes behind the claims");
}

const MAJOR_INTEGER = 0;
const MAJOR_TEXT = 3;

function readRecord(reader) {
  const count = reader.bytes[reader.at++] - 0x80;
  if (count !== 2 && count !== 3) wrong("no record");
  if (reader.bytes[reader.at] !== 0x58) wrong("no record");
  const record = [reader.item(4)];
  for (const major of [MAJOR_INTEGER, MAJOR_TEXT].slice(0, count - 1)) {
    if (reader.bytes[reader.at] >> 5 !== major) wrong("no record");
    record.push(reader.item(4));
  }
  return record;
}

function envelope(bytes) {
  if (bytes.length > 65540) return framed(bytes);
  const item = decode(bytes);
  if (Array.isArray(item) && typeof item[0] === "bigint" && item[0] !== 6n) refuse("unsupported_version", "another envelope");
  if (!Array.isArray(item) || item.length !== 2 || item[0] !== 6n || !(item[1] instanceof Uint8Array)) wrong("no list");
  return item[1];
}

function framed(bytes) {
  if (startsWithBytes(bytes, Uint8Array.of(0x82, 6, 0x5a))) {
    const size = new Reader(bytes).view.getUint32(3);
    if (size > bytes.length - 7) refuse("truncated", "the bytes end too early");
    return size === bytes.length - 7 && size > 65535 ? bytes.subarray(7) : wrong("bytes behind the list");
  }
  const [array, number] = bytes;
  if (array > 0x80 && array < 0x98 && number < 0x18 && number !== 6) refuse("unsupported_version", "another envelope");
  wrong("no list");
}

const CLAIMS = new Set([1n, 4n, 6n, 8n, "seq", "keys", "blocks"]);

function readListClaims(claims) {
  for (const key of claims.keys()) if (!CLAIMS.has(key)) refuse("unknown_claim", "a claim that lists do not have");
  const [issuer, expires, issued, sequence] = [1n, 4n, 6n, "seq"].map((key) => claims.get(key));
  if (typeof issuer !== "string" || !isName(issuer)) wrong("iss is no name");
  if (!isTime(expires) || !isTime(issued) || issued >= expires) wrong("iat is not before exp");
  if (typeof sequence !== "bigint" || sequence < 1n) wrong("no seq");
  const keys = claims.get("keys");
  const blocks = claims.get("blocks");
  for (const list of [keys, blocks]) {
    if (list !== undefined && (!Array.isArray(list) || !list.length)) wrong("no records");
  }
  if ((keys?.length ?? 0) + (blocks?.length ?? 0) > limits.REVOCATIONS) refuse("limit_exceeded", "too many records");
  return { issuer, expires, issued, sequence, keys: records(keys ?? []), blocks: records(blocks ?? []) };
}

// { subject, time, why }: `time` is the `since` of a key or the `until` of a block.
function records(list) {
  const out = [];
  for (const item of list) {
    if (!Array.isArray(item) || item.length < 2 || item.length > 3) wrong("no record");
    const [subject, time, why = null] = item;
    if (!(subject instanceof Uint8Array) || subject.length !== 32 || !isTime(time)) wrong("no record");
    if (item.length === 3) {
      if (typeof why !== "string" || why === "" || !isPlain(why)) wrong("why is not plain");
      if (characters(why) > limits.WHY_CHARACTERS) refuse("limit_exceeded", "why is too long");
    }
    if (out.length && compareBytes(out[out.length - 1].subject, subject) >= 0) refuse("not_canonical", "records out of order");
    out.push({ subject, time, why });
  }
  return out;
}

// What a verifier took over: of each signer what it takes back, and its feed.
export class RevocationStore {
  constructor() {
    this.signers = new Map();
  }

  add(list) {
    if (!this.signers.has(list.key.id)) this.signers.set(list.key.id, { keys: new Map(), blocks: new Map(), feed: null });
    const signer = this.signers.get(list.key.id);
    for (const { subject, time } of list.keys) merge(signer.keys, hex(subject), time, (a, b) => a < b);
    for (const { subject, time } of list.blocks) merge(signer.blocks, hex(subject), time, (a, b) => a > b);
    if (signer.feed === null || list.sequence > signer.feed.sequence) {
      signer.feed = { sequence: list.sequence, issued: list.issued, expires: list.expires };
    }
  }

  feed(id) {
    return this.signers.get(id)?.feed ?? null;
  }

  // The earliest `since` with which one of these signers takes back a key, or null.
  since(key, signers) {
    const times = signers.flatMap((id) => this.signers.get(id)?.keys.get(key) ?? []);
    return times.length ? times.reduce((a, b) => (a < b ? a : b)) : null;
  }

  // The first hop of a chain that falls, or null. `blocks`: { id, signer, holder, issued } each.
  firstFallen(blocks, revokers, now) {
    const says = (signer, kind, subject) => this.signers.get(signer)?.[kind].has(subject) ?? false;
    let fallen = null;
    const falls = (hop) => {
      if (fallen === null || hop < fallen) fallen = hop;
    };
    blocks.forEach((block, hop) => {
      const signers = [...blocks.slice(0, hop + 1).map((each) => each.signer.id), ...revokers];
      if (signers.some((signer) => says(signer, "blocks", block.id))) falls(hop);
    });
    const last = blocks.length - 1;
    for (const key of new Set([blocks[0].signer.id, ...blocks.map((block) => block.holder.id)])) {
      const since = this.since(key, [key, ...revokers]);
      if (since === null) continue;
      const signed = blocks.findIndex((block) => block.signer.id === key && block.issued >= since);
      if (signed >= 0) falls(signed);
      else if (blocks[last].holder.id === key && now >= since) falls(last);
    }
    return fallen;
  }
}

function merge(map, subject, time, better) {
  if (!map.has(subject) || better(time, map.get(subject))) map.set(subject, time);
}
