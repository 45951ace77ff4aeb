// Envelopes: what a service is shown, taken apart (SPEC §3.1, §5.1).

import { Reader, decode } from "./cbor.js";
import * as limits from "./limits.js";
import { refuse } from "./refusal.js";
import { fromText, trimEnds } from "./text_form.js";

export const TOKEN = 1;
export const BEARER_TOKEN = 2;
export const PRESENTATION = 3;

const KINDS = [TOKEN, BEARER_TOKEN, PRESENTATION];
const wrong = (message) => refuse("malformed", message);
const isBytes = (item) => item instanceof Uint8Array;
const isSigneds = (item) => Array.isArray(item) && item.every(isBytes);

// { number, blocks, secret, proof, discharges }, everything in it as bytes.
export function readEnvelope(presented) {
  if (presented === null || presented === undefined || presented.length === 0) refuse("nothing_presented", "nothing");
  if (typeof presented !== "string") return readBytes(presented);
  if (trimEnds(presented) === "") refuse("nothing_presented", "nothing but blanks");
  const { number, bytes } = fromText(presented, KINDS);
  const envelope = readBytes(bytes);
  if (envelope.number !== number) wrong("the prefix is that of another envelope");
  return envelope;
}

function readBytes(bytes) {
  const presentation = bytes[0] === 0x84 && bytes[1] === PRESENTATION;
  if (bytes.length > (presentation ? limits.PRESENTATION_BYTES : limits.TOKEN_BYTES)) refuse("limit_exceeded", "too large");
  const number = bytes[0] >= 0x82 && bytes[0] <= 0x84 && bytes[0] - 0x81 === bytes[1] ? bytes[1] : 0;
  if (!number) return other(bytes);
  if (itemsOfArray(bytes, 2) > limits.BLOCKS) refuse("limit_exceeded", "too many blocks");
  const reader = new Reader(bytes);
  reader.at = 2;
  reader.item(2);
  if (presentation && reader.at - 2 > limits.TOKEN_BYTES) refuse("limit_exceeded", "the blocks are too large");
  if (presentation) {
    reader.item(2);
    if (itemsOfArray(bytes, reader.at) > limits.DISCHARGES) refuse("limit_exceeded", "too many discharges");
  }
  const [, blocks, third, discharges = []] = decode(bytes);
  if (!isSigneds(blocks) || !blocks.length) wrong("no blocks");
  const envelope = { number, blocks, secret: null, proof: null, discharges: [] };
  if (number === BEARER_TOKEN) {
    if (!isBytes(third) || third.length !== 32) wrong("no secret");
    envelope.secret = third;
  }
  if (number === PRESENTATION) {
    if (!isBytes(third) || !isSigneds(discharges)) wrong("no proof, or no discharges");
    Object.assign(envelope, { proof: third, discharges });
  }
  return envelope;
}

function other(bytes) {
  const item = decode(bytes);
  if (Array.isArray(item) && typeof item[0] === "bigint" && !KINDS.includes(Number(item[0]))) {
    refuse("unsupported_version", "another envelope");
  }
  wrong("no envelope");
}

// How many items the head of an array announces; 0 where there is no such head, or not the shortest.
function itemsOfArray(bytes, at) {
  const head = bytes[at];
  if (head >= 0x80 && head < 0x98) return head - 0x80;
  if (!(head >= 0x98 && head <= 0x9b)) return 0;
  const size = 1 << (head - 0x98);
  if (at + size >= bytes.length) return 0;
  const count = bytes.subarray(at + 1, at + 1 + size).reduce((sum, byte) => sum * 256 + byte, 0);
  return count < (size === 1 ? 24 : 2 ** (size * 4)) ? 0 : count;
}
